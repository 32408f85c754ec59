/** A queue whose members know their neighbours, against a Set. */
import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import test from 'ava';
import * as fc from 'fast-check';
import { Line, type Standing } from '../../src/lib/line.ts';
import { until } from '../support/tls.ts';

interface Item extends Standing<Item> {
  readonly name: number;
}

function itemOf(name: number): Item {
  return { name, line: undefined, ahead: undefined, behind: undefined };
}

test('it keeps the order of a Set, whoever leaves from wherever', (t) => {
  const step = fc.oneof(fc.constant('come' as const), fc.nat(9));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const line = new Line<Item>();
      const model = new Set<Item>();
      steps.forEach((action, n) => {
        if (action === 'come') {
          const item = itemOf(n);
          line.add(item);
          model.add(item);
          return;
        }
        const item = [...model][action];
        if (item === undefined) return;
        t.true(line.delete(item));
        t.false(line.delete(item));
        model.delete(item);
      });
      t.deepEqual(
        [...line].map(({ name }) => name),
        [...model].map(({ name }) => name),
      );
      t.is(line.size, model.size);
      t.is(line.first, [...model][0]);
      t.deepEqual(line.takeAll(), [...model]);
      t.is(line.size, 0);
    }),
  );
});

test('one line does not take from another, and who leaves one may stand in the next', (t) => {
  const [one, two] = [new Line<Item>(), new Line<Item>()];
  const item = itemOf(1);
  one.add(item);
  t.false(two.delete(item));
  t.true(one.delete(item));
  two.add(item);
  t.deepEqual([one.size, two.size, two.first], [0, 1, item]);
});

test('all may leave while they are told one by one', (t) => {
  const line = new Line<Item>();
  const items = [1, 2, 3].map(itemOf);
  for (const item of items) line.add(item);
  const told: number[] = [];
  for (const { name } of line) {
    told.push(name);
    for (const item of items.slice(0, 2)) line.delete(item);
  }
  t.deepEqual(told, [1, 3]);
});

test('who has left holds nobody who stands there, and nobody there holds who has left', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const line = new Line<Item>();
  const [first, last] = [itemOf(1), itemOf(3)];
  const between = (): WeakRef<Item> => {
    const item = itemOf(2);
    for (const each of [first, item, last]) line.add(each);
    line.delete(item);
    return new WeakRef(item);
  };
  const gone = between();
  await until(() => {
    collect();
    return gone.deref() === undefined;
  });
  t.deepEqual([line.delete(first), first.behind, last.ahead], [true, undefined, undefined]);
});
