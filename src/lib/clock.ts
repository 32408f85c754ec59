/** Time as a value that is passed in, so that a test can hold it still. */

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

const LONGEST_NODE_TIMER_MS = 2_147_483_647;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, action) {
    const endsAt = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = endsAt - performance.now();
      timer =
        left > LONGEST_NODE_TIMER_MS
          ? setTimeout(arm, LONGEST_NODE_TIMER_MS)
          : setTimeout(action, Math.max(0, left));
    };
    arm();
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};

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
