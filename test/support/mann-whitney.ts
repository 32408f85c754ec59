/** The Mann-Whitney U test: do two samples come from one distribution? (Mann and Whitney 1947.) */

export interface MannWhitney {
  /** Pairs in which the value of the first sample is the larger one; a tie counts half. */
  readonly u: number;
  /** How far that is from what chance gives, in standard deviations. */
  readonly z: number;
  /** How probable it is that chance gives so much, on either side. */
  readonly p: number;
}

/**
 * By the normal approximation, with the correction for ties and that for continuity: good from some
 * twenty values a sample. @throws RangeError when a sample is empty.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): MannWhitney {
  const [n, m] = [first.length, second.length];
  if (n === 0 || m === 0) throw new RangeError('a sample is empty');
  const all = [
    ...first.map((value) => ({ value, isFirst: true })),
    ...second.map((value) => ({ value, isFirst: false })),
  ].sort((a, b) => a.value - b.value);
  let [rankSum, ties] = [0, 0];
  for (let from = 0, to = 0; from < all.length; from = to) {
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const equal = to - from;
    // The mean of the ranks from + 1 to `to`.
    const rank = (from + 1 + to) / 2;
    rankSum += rank * all.slice(from, to).filter(({ isFirst }) => isFirst).length;
    ties += equal ** 3 - equal;
  }
  const u = rankSum - (n * (n + 1)) / 2;
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  const distance = u - (n * m) / 2;
  const corrected = Math.sign(distance) * Math.max(0, Math.abs(distance) - 0.5);
  const z = variance === 0 ? 0 : corrected / Math.sqrt(variance);
  return { u, z, p: complementaryError(Math.abs(z) / Math.SQRT2) };
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}

/** erfc(x) for x >= 0, by its series where it converges fast and its continued fraction beyond. */
function complementaryError(x: number): number {
  const scale = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < 2) {
    let [term, sum] = [2 * x, 2 * x];
    for (let i = 1; i < 100; i += 1) {
      term *= (2 * x * x) / (2 * i + 1);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  let fraction = x;
  for (let i = 100; i > 0; i -= 1) fraction = x + i / 2 / fraction;
  return scale / fraction;
}
