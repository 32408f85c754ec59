import test from 'ava';
import { StoreError } from '../../src/errors.ts';
import type { BTid } from '../../src/ids.ts';
import { subscribe } from '../../src/lib/events.ts';
import { Ended, type EndedLog, type EndedRecord } from '../../src/sa/ended.ts';
import { manualClock } from '../support/manual-clock.ts';

const DAY_MS = 86_400_000;
const nameOf = (n: number): BTid => `rand${n}@bsf.example` as BTid;

/** A log in memory, whose records outlive it. */
function logOf(records: EndedRecord[]): EndedLog {
  return {
    read: () => [...records],
    append: (record) => void records.push(record),
    replace: (kept) => void records.splice(0, Infinity, ...kept),
    close: () => undefined,
  };
}

test('who has ended has ended in the next life too, for 31 days', (t) => {
  const clock = manualClock();
  const records: EndedRecord[] = [];
  const first = new Ended(clock, logOf(records));
  first.add(nameOf(1));
  t.true(first.has(nameOf(1)));
  t.false(first.has(nameOf(2)));
  clock.advance(20 * DAY_MS);
  new Ended(clock, logOf(records)).add(nameOf(2));
  clock.advance(11 * DAY_MS - 1);
  const third = new Ended(clock, logOf(records));
  t.true(third.has(nameOf(1)) && third.has(nameOf(2)));
  clock.advance(1);
  const fourth = new Ended(clock, logOf(records));
  t.false(fourth.has(nameOf(1)));
  t.true(fourth.has(nameOf(2)));
  t.deepEqual(
    records.map(({ bTid }) => bTid),
    [nameOf(2)],
    'what no longer counts is no longer there',
  );
});

test('the newest 100,000 are kept, in the log as well', (t) => {
  const clock = manualClock();
  const records: EndedRecord[] = [];
  const ended = new Ended(clock, logOf(records));
  for (let n = 0; n < 150_000; n += 1) ended.add(nameOf(n));
  t.is(records.length, 150_000);
  for (let n = 150_000; n < 200_000; n += 1) ended.add(nameOf(n));
  t.is(records.length, 100_000);
  t.deepEqual(
    [99_999, 100_000, 199_999].map((n) => ended.has(nameOf(n))),
    [false, true, true],
  );
  t.deepEqual(records[0]?.bTid, nameOf(100_000));
});

test('one that cannot be written down holds in this life, and an event says so', (t) => {
  const reasons: string[] = [];
  t.teardown(subscribe('gba:store:failed', ({ reason }) => reasons.push(reason)));
  const ended = new Ended(manualClock(), {
    ...logOf([]),
    append: () => {
      throw new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full');
    },
  });
  ended.add(nameOf(1));
  t.true(ended.has(nameOf(1)));
  t.deepEqual(reasons, ['the disk is full']);
});
