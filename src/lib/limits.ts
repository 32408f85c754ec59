/** Bounded memory for what strangers send: a set that forgets, and a token bucket per source. */
import type { Clock } from './clock.ts';

/** Keys that came lately. */
export interface RecentSet {
  has(key: string): boolean;
  add(key: string): void;
  delete(key: string): void;
}

/** Remembers what was added the last `entries` times, each for `forMs`; a key that is added again counts again. */
export function recentSet(
  clock: Clock,
  { entries, forMs }: { readonly entries: number; readonly forMs: number },
): RecentSet {
  const places = new Map<string, number>();
  // A ring, in the order in which they came: the first key of a Map is found past all that were deleted.
  const ring: { readonly key: string; readonly forgottenAt: number }[] = [];
  let next = 0;
  const drop = (place: number): void => {
    const key = ring[place]?.key;
    if (key !== undefined && places.get(key) === place) places.delete(key);
  };
  return {
    has(key) {
      const place = places.get(key);
      return place !== undefined && (ring[place]?.forgottenAt ?? -Infinity) > clock.monotonic();
    },
    add(key) {
      drop(next);
      ring[next] = { key, forgottenAt: clock.monotonic() + forMs };
      places.set(key, next);
      next = (next + 1) % entries;
    },
    delete(key) {
      places.delete(key);
    },
  };
}

/** A token bucket for each source. */
export interface RateLimitOptions {
  /** How many come through at once after silence. */
  readonly burst: number;
  /** How many come through per second in the long run; fractions are allowed. */
  readonly perSecond: number;
  /** How many sources have a bucket of their own; while all are in use, the others share one. */
  readonly sources: number;
}

export interface RateLimit {
  /** Takes one token of this source; false when there is none. */
  take(source: string): boolean;
}

/** A token bucket per source. A flood of new sources gains one bucket in all and evicts nobody. */
export function rateLimit(
  clock: Clock,
  { burst, perSecond, sources }: RateLimitOptions,
): RateLimit {
  const buckets = new Map<string, Bucket>();
  const shared: Bucket = { tokens: burst, at: clock.monotonic() };

  const refill = (bucket: Bucket): number => {
    const now = clock.monotonic();
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    return bucket.tokens;
  };
  const open = (): Bucket => {
    const [longestSilent] = buckets;
    if (buckets.size >= sources && longestSilent && refill(longestSilent[1]) >= burst) {
      buckets.delete(longestSilent[0]);
    }
    if (buckets.size >= sources) return shared;
    return { tokens: burst, at: clock.monotonic() };
  };

  return {
    take(source) {
      const bucket = buckets.get(source) ?? open();
      if (bucket !== shared) {
        buckets.delete(source);
        buckets.set(source, bucket);
      }
      if (refill(bucket) < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
  };
}

interface Bucket {
  tokens: number;
  /** Monotonic ms of the last refill. */
  at: number;
}
