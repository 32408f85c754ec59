import test from 'ava';
import { rateLimit, recentSet } from '../../src/lib/limits.ts';
import { manualClock } from '../support/manual-clock.ts';

const takes = (times: number, take: () => boolean): number =>
  Array.from({ length: times }, take).filter(Boolean).length;

test('a key is remembered for its time and then forgotten', (t) => {
  const clock = manualClock();
  const seen = recentSet(clock, { entries: 2, forMs: 1_000 });
  seen.add('a');
  clock.advance(999);
  t.true(seen.has('a'));
  clock.advance(1);
  t.false(seen.has('a'));
});

test('the oldest key is forgotten first when there are too many', (t) => {
  const seen = recentSet(manualClock(), { entries: 2, forMs: 1_000 });
  for (const key of ['a', 'b', 'a', 'c']) seen.add(key);
  t.deepEqual(
    ['a', 'b', 'c'].map((key) => seen.has(key)),
    [true, false, true],
  );
  seen.delete('a');
  t.false(seen.has('a'));
});

test('a source gets its burst at once and its rate in the long run', (t) => {
  const clock = manualClock();
  const limit = rateLimit(clock, { burst: 3, perSecond: 2, sources: 10 });
  t.is(
    takes(5, () => limit.take('a')),
    3,
  );
  clock.advance(1_000);
  t.is(
    takes(5, () => limit.take('a')),
    2,
  );
  clock.advance(3_600_000);
  t.is(
    takes(5, () => limit.take('a')),
    3,
  );
});

test('one source does not spend the tokens of another', (t) => {
  const limit = rateLimit(manualClock(), { burst: 1, perSecond: 1, sources: 10 });
  t.true(limit.take('a'));
  t.false(limit.take('a'));
  t.true(limit.take('b'));
});

test('a flood of new sources gains one bucket in all and evicts nobody', (t) => {
  const clock = manualClock();
  const limit = rateLimit(clock, { burst: 2, perSecond: 0.5, sources: 2 });
  limit.take('a');
  limit.take('b');
  let source = 0;
  t.is(
    takes(100, () => limit.take(`new ${(source += 1)}`)),
    2,
  );
  t.true(limit.take('a'));
  t.false(limit.take('a'));
  clock.advance(4_000);
  t.is(
    takes(5, () => limit.take('late')),
    2,
  );
});
