import test from 'ava';
import fc from 'fast-check';
import { mannWhitney, median } from './mann-whitney.ts';

/**
 * Ozone at New York in May and in August 1973 (Chambers, Cleveland, Kleiner and Tukey, Graphical Methods
 * for Data Analysis, 1983): the example of wilcox.test in R, which gives W = 127.5 and p = 0.0001208.
 */
const MAY = [
  41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115,
  37,
];
const AUGUST = [
  39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118,
  84, 85,
];

test('a published example with ties comes out as published', (t) => {
  const { u, p } = mannWhitney(MAY, AUGUST);
  t.is(u, 127.5);
  t.is(p.toFixed(7), '0.0001208');
});

test('a published example without ties: permeability of the chorioamnion (Hollander and Wolfe 1973)', (t) => {
  const term = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
  const early = [1.15, 0.88, 0.9, 0.74, 1.21];
  const { u, z } = mannWhitney(term, early);
  t.is(u, 35);
  // The book's large-sample value is 1.225; the correction for continuity takes half a pair off.
  t.is((z + 0.5 / Math.sqrt((10 * 5 * 16) / 12)).toFixed(3), '1.225');
});

test('samples swapped give the same p, equal ones p = 1, parted ones nearly 0', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
      (a, b) => {
        const [one, other] = [mannWhitney(a, b), mannWhitney(b, a)];
        return (
          Math.abs(one.p - other.p) < 1e-12 &&
          one.u + other.u === a.length * b.length &&
          one.p >= 0 &&
          one.p <= 1
        );
      },
    ),
  );
  t.is(mannWhitney([7, 7, 7], [7, 7]).p, 1);
  const low = Array.from({ length: 100 }, (_, i) => i);
  t.true(
    mannWhitney(
      low,
      low.map((value) => value + 1_000),
    ).p < 1e-30,
  );
  t.throws(() => mannWhitney([], [1]), { instanceOf: RangeError });
});

test('the median is the middle', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.is(median([]), NaN);
});
