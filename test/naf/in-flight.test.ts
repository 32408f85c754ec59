import test from 'ava';
import fc from 'fast-check';
import { InFlight } from '../../src/naf/in-flight.ts';
import { makeEntry } from '../support/entry.ts';

test('it is a set in order of arrival, and an entry is in one at a time', (t) => {
  const step = fc.record({
    op: fc.constantFrom('add', 'delete', 'takeAll'),
    of: fc.nat(1),
    n: fc.nat(7),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const entries = Array.from({ length: 8 }, (_, seq) => makeEntry([], { seq }));
      const lists = [new InFlight(), new InFlight()];
      const models = lists.map(() => new Set(entries.slice(0, 0)));
      for (const { op, of, n } of steps) {
        const [list, model, entry] = [lists[of], models[of], entries[n]];
        if (list === undefined || model === undefined || entry === undefined) return;
        if (op === 'takeAll') {
          t.deepEqual(seqs(list.takeAll()), seqs(model));
          model.clear();
        } else if (op === 'delete') {
          t.is(list.delete(entry), model.delete(entry));
        } else if (!models.some((one) => one.has(entry))) {
          list.add(entry);
          model.add(entry);
        }
        t.deepEqual(
          lists.map(({ size }) => size),
          models.map(({ size }) => size),
        );
      }
      for (const [i, list] of lists.entries()) t.deepEqual(seqs(list.takeAll()), seqs(models[i]));
    }),
  );
});

function seqs(entries: Iterable<{ readonly seq: number }> = []): number[] {
  return Array.from(entries, ({ seq }) => seq);
}
