/** Time as a value that is passed in, so that a test can hold it still. */
import { performance } from 'node:perf_hooks';
import { Deadlines, type Dated } from './deadlines.ts';

/** Something that will happen. */
export interface Timer {
  /** It will not happen; without effect once it has. */
  cancel(): void;
}

/** The only way to time: everything here that waits is handed one. */
export interface Clock {
  /** Wall time, epoch milliseconds. It may jump. */
  now(): number;
  /** Milliseconds since an arbitrary moment, with fractions. It never jumps back. */
  monotonic(): number;
  /** Runs `action` once after `ms`; any length of time is allowed. The timer keeps the process alive. */
  after(ms: number, action: () => void): Timer;
}

/** The clock of this machine. Ten thousand layers have several timers each, so all are one timer of Node. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, action) {
    if (Number.isNaN(ms)) throw new RangeError('a time is a number of milliseconds, not NaN');
    const timer = new Alarm(performance.now() + ms, action);
    alarms.add(timer);
    return timer;
  },
};

class Alarm implements Dated, Timer {
  readonly at: number;
  place = -1;
  #action: (() => void) | undefined;

  constructor(at: number, action: () => void) {
    this.at = at;
    this.#action = action;
  }

  cancel(): void {
    alarms.delete(this);
    this.#action = undefined;
  }

  /** Whoever holds on to a timer that is over keeps nothing of what it was for. */
  come(): void {
    const action = this.#action;
    this.#action = undefined;
    action?.();
  }
}

const LONGEST_NODE_TIMER_MS = 2_147_483_647;

/** One that fires too early finds nothing due, and is set again. */
const nodeClock: Clock = {
  ...systemClock,
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, LONGEST_NODE_TIMER_MS));
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};

const alarms = new Deadlines<Alarm>({
  clock: nodeClock,
  onDue: (alarm) => {
    alarm.come();
  },
});

/** Resolves after `ms`. @throws `signal.reason` unchanged when aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      timer.cancel();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason, untouched
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when `work` is settled, or after `ms` without it. What it comes to is left to whoever else waits for it. */
export async function patiently(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const quietly = (waited: Promise<unknown>): Promise<unknown> => waited.catch(() => undefined);
  await Promise.race([quietly(sleep(clock, ms, done.signal)), quietly(work)]);
  done.abort();
}
