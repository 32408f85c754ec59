import { hash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { MAX_PUSH_ID } from '../../src/ids.ts';
import { HandledTable, NOWHERE } from '../../src/ue/handled-table.ts';

const digest = hash('sha256', 'one payload', 'binary');
const other = hash('sha256', 'another', 'binary');
const ids = fc.stringMatching(/^[A-Za-z0-9_-]{1,43}$/);

test('it finds what was added and was not removed, as a Map does, and nothing else', (t) => {
  const names = fc.uniqueArray(fc.tuple(fc.nat(2), ids), {
    minLength: 1,
    maxLength: 120,
    selector: ([naf, id]) => `${naf}/${id}`,
  });
  fc.assert(
    fc.property(names, fc.array(fc.nat(119), { maxLength: 400 }), (all, picks) => {
      const table = new HandledTable();
      const model = new Map<number, number>();
      for (const pick of picks) {
        const at = pick % all.length;
        const [naf, id] = all[at] ?? [0, ''];
        const place = table.find(naf, id);
        t.is(place, model.get(at) ?? NOWHERE);
        if (place === NOWHERE) {
          const added = table.add(naf, id);
          table.setDigest(added, digest);
          table.setDeadline(added, at + 0.5);
          table.setState(added, at % 2 === 0 ? 'done' : 'forgotten');
          model.set(at, added);
        } else {
          table.remove(place);
          model.delete(at);
        }
        t.is(table.size, model.size);
      }
      all.forEach(([naf, id], at) => {
        const place = table.find(naf, id);
        t.is(place, model.get(at) ?? NOWHERE);
        if (place === NOWHERE) return;
        t.is(table.idOf(place), id);
        t.is(table.nafOf(place), naf);
        t.is(table.digestOf(place), digest);
        t.is(table.deadlineOf(place), at + 0.5);
        t.is(table.stateOf(place), at % 2 === 0 ? 'done' : 'forgotten');
      });
      t.deepEqual([...table.all()].sort(), [...model.values()].sort());
    }),
  );
});

test('a place that is used again tells nothing of what was there before', (t) => {
  const table = new HandledTable();
  const first = table.add(1, 'x'.repeat(MAX_PUSH_ID));
  table.setDigest(first, digest);
  table.remove(first);
  const second = table.add(2, 'y');
  t.is(second, first);
  table.setDigest(second, other);
  t.is(table.idOf(second), 'y');
  t.true(table.hasDigest(second, other));
  t.false(table.hasDigest(second, digest));
  t.is(table.find(1, 'x'.repeat(MAX_PUSH_ID)), NOWHERE);
});

test('a hundred thousand ids that come and go keep their places apart', (t) => {
  const table = new HandledTable();
  const places: number[] = [];
  for (let n = 0; n < 100_000; n += 1) {
    places.push(table.add(n % 3, `id-${n}`));
    if (n >= 1_000) table.remove(places[n - 1_000] ?? NOWHERE);
  }
  t.is(table.size, 1_000);
  t.is(Math.max(...places), 1_000);
  for (let n = 0; n < 100_000; n += 1) {
    t.is(table.find(n % 3, `id-${n}`) !== NOWHERE, n >= 99_000);
  }
});

test('what many ids took is given back when the last of them ends', (t) => {
  const table = new HandledTable();
  const { octets } = table;
  const places = Array.from({ length: 10_000 }, (_, n) => table.add(0, `id-${n}`));
  t.true(table.octets > 1_000_000);
  for (const place of places) table.remove(place);
  t.is(table.octets, octets);
  t.is(table.idOf(table.add(0, 'one more')), 'one more');
});
