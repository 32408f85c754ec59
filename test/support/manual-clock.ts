/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/lib/clock.ts';

export interface ManualClock extends Clock {
  /** Moves both times on and runs, in order, the timers that fall due, also those set meanwhile. */
  advance(ms: number): void;
  /** Moves wall time alone, as an operator or NTP does. */
  jump(ms: number): void;
  /** How many timers wait. */
  readonly pending: number;
}

/** Starts at `startAt` epoch ms. */
export function manualClock(startAt = Date.UTC(2026, 0, 1)): ManualClock {
  const timers = new Set<{ at: number; action: () => void }>();
  let elapsed = 0;
  let offset = startAt;
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after(ms, action) {
      const timer = { at: elapsed + ms, action };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const until = elapsed + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.action();
      }
      elapsed = until;
    },
    jump(ms) {
      offset += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}
