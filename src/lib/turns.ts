/** A few at a time: whoever comes later waits, first come first served. */

export interface Turns {
  /**
   * Resolves when it is the caller's turn; the turn ends when the result is called, which may be done
   * again without effect. @throws `signal.reason` unchanged when aborted first.
   */
  take(signal: AbortSignal): Promise<() => void>;
}

/** At most `most` have their turn at once. */
export function createTurns(most: number): Turns {
  const waiting = new Set<() => void>();
  let taken = 0;

  const turn = (): (() => void) => {
    let over = false;
    taken += 1;
    return () => {
      if (over) return;
      over = true;
      taken -= 1;
      const [next] = waiting;
      next?.();
    };
  };

  return {
    async take(signal) {
      signal.throwIfAborted();
      if (taken < most) return turn();
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(onTurn);
          signal.removeEventListener('abort', onAbort);
        };
        const onTurn = (): void => {
          leave();
          resolve(turn());
        };
        const onAbort = (): void => {
          leave();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason, untouched
          reject(signal.reason);
        };
        waiting.add(onTurn);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
