import test from 'ava';
import { EqualWaits, type Waiting } from '../../src/lib/equal-waits.ts';
import { manualClock } from '../support/manual-clock.ts';

interface Guest extends Waiting<Guest> {
  readonly name: string;
}

function open(onDue?: (guest: Guest) => void) {
  const clock = manualClock();
  const due: string[] = [];
  const waits = new EqualWaits<Guest>({
    clock,
    onDue(guest) {
      due.push(guest.name);
      onDue?.(guest);
    },
  });
  const add = (name: string): Guest => {
    const neighbours = { line: undefined, ahead: undefined, behind: undefined };
    const guest: Guest = { ...neighbours, name, dueAt: clock.monotonic() + 100 };
    waits.add(guest);
    return guest;
  };
  return { clock, due, waits, add };
}

test('each is due when its own time is over, in the order of coming, by one timer', (t) => {
  const { clock, due, waits, add } = open();
  add('a');
  clock.advance(40);
  add('b');
  add('c');
  t.is(clock.pending, 1);
  clock.advance(59);
  t.deepEqual(due, []);
  clock.advance(1);
  t.deepEqual(due, ['a']);
  clock.advance(40);
  t.deepEqual(due, ['a', 'b', 'c']);
  t.is(waits.size, 0);
  t.is(clock.pending, 0);
});

test('who has gone is not due, and does not bring the next one forward', (t) => {
  const { clock, due, waits, add } = open();
  const a = add('a');
  clock.advance(40);
  add('b');
  t.true(waits.delete(a));
  t.false(waits.delete(a));
  clock.advance(60);
  t.deepEqual(due, []);
  clock.advance(40);
  t.deepEqual(due, ['b']);
});

test('where nobody waits there is no timer', (t) => {
  const { clock, waits, add } = open();
  waits.delete(add('a'));
  t.is(clock.pending, 0);
});

test('others may come while one is told', (t) => {
  const opened = open((guest) => {
    t.false(opened.waits.delete(guest));
    if (guest.name === 'a') opened.add('b');
  });
  const { clock, due, add, waits } = opened;
  add('a');
  clock.advance(100);
  t.deepEqual(due, ['a']);
  t.is(waits.size, 1);
  t.is(clock.pending, 1);
  clock.advance(100);
  t.deepEqual(due, ['a', 'b']);
});

test('one that is told and fails does not keep the others waiting', (t) => {
  const { clock, due, add } = open((guest) => {
    if (guest.name === 'a') throw new Error('a fails');
  });
  add('a');
  add('b');
  t.throws(() => {
    clock.advance(100);
  });
  clock.advance(0);
  t.deepEqual(due, ['a', 'b']);
});
