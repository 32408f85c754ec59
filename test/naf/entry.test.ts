import test from 'ava';
import { stagesWithin } from '../../src/naf/entry.ts';

test('a push is told the stages that it waited for, the last ones first', (t) => {
  const stages = { bsf: 10, trigger: 20, handshake: 30 };
  t.deepEqual(stagesWithin(100, stages), stages);
  t.deepEqual(stagesWithin(55, stages), { bsf: 5, trigger: 20, handshake: 30 });
  t.deepEqual(stagesWithin(35, stages), { bsf: 0, trigger: 5, handshake: 30 });
  t.deepEqual(stagesWithin(7, stages), { bsf: 0, trigger: 0, handshake: 7 });
  t.deepEqual(stagesWithin(-3, stages), { bsf: 0, trigger: 0, handshake: 0 });
});
