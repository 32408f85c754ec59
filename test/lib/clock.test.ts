import test from 'ava';
import { systemClock } from '../../src/lib/clock.ts';

test('what was asked for first comes first, what was cancelled does not, and none comes too early', async (t) => {
  const startedAt = systemClock.monotonic();
  const seen: string[] = [];
  const note = (name: string, ms: number) =>
    new Promise<void>((resolve) => {
      systemClock.after(ms, () => {
        seen.push(name);
        t.true(systemClock.monotonic() - startedAt >= ms, name);
        resolve();
      });
    });
  const late = [note('late', 60), note('later', 61)];
  const cancelled = systemClock.after(20, () => seen.push('never'));
  const far = systemClock.after(2 ** 40, () => seen.push('in 35 years'));
  const soon = [note('at once', 0), note('soon', 30), note('as soon', 30)];
  cancelled.cancel();
  cancelled.cancel();
  await Promise.all([...soon, ...late]);
  far.cancel();
  t.deepEqual(seen, ['at once', 'soon', 'as soon', 'late', 'later']);
});

test('a time that is no number is refused, for it would disorder all others', (t) => {
  t.throws(() => systemClock.after(NaN, () => undefined), { instanceOf: RangeError });
});
