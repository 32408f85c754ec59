/** The same payload pushed to one UE again and again, so many at a time: what a measurement is made of. */
import { TEXT_PLAIN } from '../codec/push.ts';
import type { Impi } from '../ids.ts';
import type { Receipt } from '../naf/entry.ts';
import type { PushServer } from '../naf/push-server.ts';

export interface BurstOrder {
  readonly payload: Uint8Array;
  /** How many in all. */
  readonly count: number;
  /** How many are under way at once. */
  readonly window: number;
  /** No push begins later than this. */
  readonly withinMs: number;
  /** Of each push. */
  readonly ttlSeconds: number;
}

export interface Burst {
  /** In the order in which the pushes were settled. */
  readonly receipts: readonly Receipt[];
  /** From the first push to the last receipt. */
  readonly ms: number;
}

/** What one burst may be, at most. */
export const MOST_PUSHES = 10_000;
export const MOST_AT_ONCE = 1_024;

/** Ends early, with the receipts so far, after one that is dead. @throws ChannelError ERR_CHANNEL_CLOSED. */
export async function pushBurst(
  server: PushServer,
  impi: Impi,
  { payload, count, window, withinMs, ttlSeconds }: BurstOrder,
): Promise<Burst> {
  const receipts: Receipt[] = [];
  const startedAt = performance.now();
  let left = count;
  const pushOn = async (): Promise<void> => {
    while (left > 0 && performance.now() - startedAt < withinMs) {
      left -= 1;
      const receipt = await server.push(impi, payload, { ttlSeconds, contentFormat: TEXT_PLAIN });
      receipts.push(receipt);
      if (receipt.state === 'dead') left = 0;
    }
  };
  await Promise.all(Array.from({ length: Math.min(window, count) }, pushOn));
  return { receipts, ms: performance.now() - startedAt };
}
