/**
 * Keys of vectors that the SIM took but no association came of. Whoever flips a bit of a GPI on its way
 * must not burn the vector: the SIM would refuse the genuine copy, its SQN being used.
 */
import { toHex } from '../lib/bytes.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { NafKeySource } from '../ports.ts';

export interface Vector {
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** 16 octets. */
  readonly autn: Uint8Array;
}

export interface HeldVector {
  readonly keys: NafKeySource;
  /** Monotonic ms. */
  readonly wipedAt: number;
}

export interface HeldVectors {
  /** The vector's keys, which are the caller's from here on; undefined when they are not held. */
  take(vector: Vector): HeldVector | undefined;
  /** Holds the keys until their time is over or too many follow; then they are wiped. */
  hold(vector: Vector, held: HeldVector): void;
  /** Wipes all, and whatever is held later. */
  close(): void;
}

/** How long keys are held, counted from the SIM's run. */
export const HELD_MS = 60_000;
/** How many vectors are held. */
export const HELD_VECTORS = 4;

export function heldVectors(clock: Clock): HeldVectors {
  const entries = new Map<string, HeldVector & { readonly timer: Timer }>();
  let closed = false;

  const drop = (key: string): void => {
    const entry = entries.get(key);
    entries.delete(key);
    entry?.timer.cancel();
    entry?.keys.wipe();
  };

  return {
    take(vector) {
      const key = keyOf(vector);
      const entry = entries.get(key);
      entries.delete(key);
      entry?.timer.cancel();
      return entry;
    },
    hold(vector, { keys, wipedAt }) {
      const leftMs = wipedAt - clock.monotonic();
      if (closed || leftMs <= 0) {
        keys.wipe();
        return;
      }
      const key = keyOf(vector);
      const timer = clock.after(leftMs, () => {
        drop(key);
      });
      entries.set(key, { keys, wipedAt, timer });
      const [oldest] = entries.keys();
      if (entries.size > HELD_VECTORS && oldest !== undefined) drop(oldest);
    },
    close() {
      closed = true;
      for (const key of [...entries.keys()]) drop(key);
    },
  };
}

function keyOf({ rand, autn }: Vector): string {
  return toHex(rand) + toHex(autn);
}
