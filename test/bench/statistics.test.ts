/** Medians, spreads, ratios round by round. */
import test from 'ava';
import fc from 'fast-check';
import {
  percentilesOf,
  quantileOf,
  ratiosOf,
  slopeOf,
  spreadOf,
  widthOf,
} from '../../bench/report/statistics.ts';

const value = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
const rounds = fc.array(value, { minLength: 1, maxLength: 60 });

test('the median is the middle round, or the mean of the two in the middle', (t) => {
  t.is(spreadOf([3, 1, 2]).median, 2);
  t.is(spreadOf([4, 1, 3, 2]).median, 2.5);
  t.throws(() => spreadOf([]), { instanceOf: RangeError });
});

test('up to nine rounds the spread is all of them, beyond it is the middle four fifths', (t) => {
  t.like(spreadOf([5, 1, 9, 3, 7]), { low: 1, median: 5, high: 9, rounds: 5 });
  const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
  t.like(spreadOf(twenty), { low: 3, median: 10.5, high: 18 });
  t.is(widthOf(spreadOf([2, 3, 4])), 2);
});

test('half of the rounds are not above the median and half not below it, and it is within the spread', (t) => {
  fc.assert(
    fc.property(rounds, (all) => {
      const { low, median, high } = spreadOf(all);
      t.true(low <= median && median <= high);
      t.true(all.filter((one) => one <= median).length >= all.length / 2);
      t.true(all.filter((one) => one >= median).length >= all.length / 2);
    }),
  );
});

test('what disturbs both of a round is not in their ratio', (t) => {
  const pairs = fc.array(fc.tuple(value, fc.double({ min: 0.1, max: 10, noNaN: true })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(pairs, fc.double({ min: 0.5, max: 2, noNaN: true }), (all, factor) => {
      const theirs = all.map(([own, disturbed]) => own * disturbed);
      const ours = theirs.map((one) => one * factor);
      for (const ratio of ratiosOf(ours, theirs) ?? []) t.true(Math.abs(ratio / factor - 1) < 1e-9);
    }),
  );
  // The ratio of the medians says 1; round by round it is 2 or a half.
  t.deepEqual(ratiosOf([1, 2, 4], [2, 4, 2]), [0.5, 0.5, 2]);
});

test('rounds that are not shared have no ratio, nor have those of a divisor of nothing', (t) => {
  t.is(ratiosOf([1, 2], [1, 2, 3]), undefined);
  t.is(ratiosOf([1, 2], [1, 0]), undefined);
});

test('a quantile is a value that was measured, and so large a part of all is not above it', (t) => {
  t.is(quantileOf([1, 2, 3, 4], 0.5), 2);
  t.is(quantileOf([1, 2, 3, 4], 1), 4);
  fc.assert(
    fc.property(rounds, fc.double({ min: 0, max: 1, noNaN: true }), (all, q) => {
      const sorted = all.toSorted((a, b) => a - b);
      const found = quantileOf(sorted, q);
      t.true(sorted.includes(found));
      t.true(all.filter((one) => one <= found).length >= q * all.length - 1e-9);
    }),
  );
  const percentiles = percentilesOf(Array.from({ length: 1_000 }, (_, i) => 1_000 - i));
  t.is(percentiles.length, 101);
  t.like(percentiles, { 0: 1, 50: 500, 99: 990, 100: 1_000 });
});

test('a slope is found however the line is moved', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: 0, max: 100 }),
      (slope, from) => {
        const points = [0, 20, 50, 300].map((x) => [x, from + slope * x] as const);
        t.true(Math.abs(slopeOf(points) - slope) < 1e-9);
      },
    ),
  );
});
