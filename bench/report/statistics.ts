/** Medians, spreads and ratios of rounds. A ratio is taken round by round: what disturbed a round disturbed both. */

/** What rounds say together. */
export interface Spread {
  readonly median: number;
  /** The middle four fifths of the rounds lie between these; of nine rounds or fewer, all of them. */
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/** @throws RangeError when there are no rounds. */
export function spreadOf(rounds: readonly number[]): Spread {
  if (rounds.length === 0) throw new RangeError('no rounds');
  const sorted = rounds.toSorted((a, b) => a - b);
  const cut = Math.floor(rounds.length / 10);
  return {
    median: middle(sorted),
    low: sorted[cut] ?? NaN,
    high: sorted[sorted.length - 1 - cut] ?? NaN,
    rounds: rounds.length,
  };
}

/** The factor from the low end to the high end: 1 is no spread at all. */
export function widthOf({ low, high }: Spread): number {
  return high / low;
}

/** `of` over `over`, round by round; undefined when they do not share their rounds, or a divisor is 0. */
export function ratiosOf(
  of: readonly number[],
  over: readonly number[],
): readonly number[] | undefined {
  if (of.length !== over.length || over.includes(0)) return undefined;
  return of.map((value, round) => value / (over[round] ?? NaN));
}

/** The value in the middle, or the mean of the two in the middle. Of values in ascending order. */
function middle(sorted: readonly number[]): number {
  const [left, right] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((left ?? NaN) + (right ?? NaN)) / 2;
}

/** Percentiles 0, 1, ... 100, each a value that was measured (nearest rank). */
export function percentilesOf(samples: readonly number[]): readonly number[] {
  const sorted = samples.toSorted((a, b) => a - b);
  return Array.from({ length: 101 }, (_, p) => quantileOf(sorted, p / 100));
}

/** Nearest rank: the least value that so large a part of all is not above. Of values in ascending order. */
export function quantileOf(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError('no samples');
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? NaN;
}

/** The slope of the line that fits the points best (least squares): ms for each ms of round trip. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return above / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
