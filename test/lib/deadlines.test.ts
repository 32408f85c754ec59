import test from 'ava';
import fc from 'fast-check';
import { Deadlines, type Dated } from '../../src/lib/deadlines.ts';
import { manualClock } from '../support/manual-clock.ts';

interface Item extends Dated {
  readonly name: number;
}

function make(atOnce?: number) {
  const clock = manualClock();
  const told: Item[] = [];
  const queue = new Deadlines<Item>({
    clock,
    onDue: (item) => told.push(item),
    ...(atOnce !== undefined && { atOnce }),
  });
  const add = (name: number, inMs: number): Item => {
    const item = { name, at: clock.monotonic() + inMs, place: -1 };
    queue.add(item);
    return item;
  };
  return { clock, told, queue, add };
}

function namesOf(items: readonly Item[]): number[] {
  return items.map(({ name }) => name).sort((a, b) => a - b);
}

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add'), number: fc.nat(60) }),
    fc.record({ do: fc.constant('delete'), number: fc.nat(100) }),
    fc.record({ do: fc.constant('advance'), number: fc.nat(20) }),
  ),
  { maxLength: 100 },
);

test('each is told once, when its moment has come, in the order of the moments, by one timer', (t) => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (script, atOnce) => {
      const { clock, told, queue, add } = make(atOnce);
      let [waiting, names]: [Item[], number] = [[], 0];
      for (const step of script) {
        if (step.do === 'add') waiting.push(add((names += 1), step.number));
        else if (step.do === 'delete' && waiting.length > 0) {
          const [gone] = waiting.splice(step.number % waiting.length, 1);
          if (gone) queue.delete(gone);
          if (gone) queue.delete(gone);
        } else if (step.do === 'advance') {
          clock.advance(step.number);
          const due = waiting.filter(({ at }) => at <= clock.monotonic());
          waiting = waiting.filter(({ at }) => at > clock.monotonic());
          const moments = told.map(({ at }) => at);
          t.deepEqual(
            moments,
            moments.toSorted((a, b) => a - b),
          );
          t.deepEqual(namesOf(told.splice(0)), namesOf(due));
        }
        t.is(clock.pending, waiting.length === 0 ? 0 : 1);
      }
      queue.clear();
      clock.advance(100);
      t.deepEqual([told, clock.pending], [[], 0]);
    }),
  );
});

test('one that is told may put itself in again, and others out', (t) => {
  const clock = manualClock();
  const told: number[] = [];
  const other: Item = { name: 2, at: 10, place: -1 };
  const queue: Deadlines<Item> = new Deadlines<Item>({
    clock,
    onDue: ({ name, at }) => {
      told.push(name);
      queue.delete(other);
      if (told.length < 3) queue.add({ name: name + 10, at: at + 5, place: -1 });
    },
  });
  queue.add({ name: 1, at: 10, place: -1 });
  queue.add(other);
  clock.advance(30);
  t.deepEqual(told, [1, 11, 21]);
  t.is(clock.pending, 0);
});

test('what throws when it is told holds up no other', (t) => {
  const clock = manualClock();
  const told: number[] = [];
  const queue = new Deadlines<Item>({
    clock,
    onDue: ({ name }) => {
      if (name === 1) throw new Error('on purpose');
      told.push(name);
    },
  });
  for (const name of [1, 2]) queue.add({ name, at: 10 * name, place: -1 });
  t.throws(() => {
    clock.advance(30);
  });
  clock.advance(30);
  t.deepEqual([told, clock.pending], [[2], 0]);
});
