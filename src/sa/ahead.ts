/** How early the end of a key is acted on: a new key is made before it, and a last word said (docs/design.md). */

/** What is known of a key and of what a new one costs. Spans in ms. */
export interface KeyTimes {
  /** From when the key was made until it ends. */
  readonly lifetimeMs: number;
  /** What the last bootstrap took, from asking for the key to the use of it; 0 when none is known. */
  readonly bootstrapMs: number;
}

/**
 * How long before its end a key is to be replaced, ms: at least a tenth of its lifetime, two seconds, four
 * times a bootstrap, and twice the last word's time, but no more than half of the lifetime. `spread`, from 0 to 1 and chosen at
 * random, makes that up to a quarter longer, so that keys which were made at once are not replaced at once.
 */
export function renewAheadMs({ lifetimeMs, bootstrapMs }: KeyTimes, spread: number): number {
  const before = 2 * releaseAheadMs(lifetimeMs);
  const wanted = Math.max(lifetimeMs * SHARE, LEAST_MS, BOOTSTRAPS * bootstrapMs, before);
  return Math.min(wanted, lifetimeMs / 2) * (1 + spread / 4);
}

/** How long before the end of its key a layer takes no more requests, ms: a tenth of its lifetime, at most 5 s. */
export function releaseAheadMs(lifetimeMs: number): number {
  return Math.min(LONGEST_FAREWELL_MS, lifetimeMs * SHARE);
}

const SHARE = 0.1;
const LEAST_MS = 2_000;
const BOOTSTRAPS = 4;
const LONGEST_FAREWELL_MS = 5_000;
