/** A process or thread of its own: allots SQNs of one subscriber, and prints each when the store has it. */
import { allotSqn, decodeGenerator, encodeGenerator, NEW_GENERATOR } from '../../src/aka/sqn.ts';
import { openFileStore } from '../../src/store/file-store.ts';

const [folder = '', count = '0'] = process.argv.slice(2);
const store = await openFileStore({ folder, name: 'hss' });
for (let i = 0; i < Number(count); i += 1) {
  const sqn = await store.update('hss/sqn/child', (stored) => {
    const { sqn, generator } = allotSqn(stored ? decodeGenerator(stored) : NEW_GENERATOR, 'push');
    return { value: encodeGenerator(generator), result: sqn };
  });
  process.stdout.write(`${sqn.seq}\n`);
}
await store.close();
