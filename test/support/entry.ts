/** Outbox entries whose receipts are noted. */
import type { Urgency } from '../../src/codec/push.ts';
import { parsePushId } from '../../src/ids.ts';
import { entryOf, type Entry, type Receipt } from '../../src/naf/entry.ts';

export interface MadeEntry {
  readonly seq: number;
  readonly urgency?: Urgency;
  readonly acceptedAt?: number;
  readonly ttlMs?: number;
  readonly payload?: Uint8Array;
}

/** The receipt goes to `receipts`; settled twice, it is there twice. */
export function makeEntry(
  receipts: Receipt[],
  { seq, urgency = 'normal', acceptedAt = 0, ttlMs = 60_000, payload }: MadeEntry,
): Entry {
  const push = {
    id: parsePushId(`id-${seq}`),
    urgency,
    ttlSeconds: ttlMs / 1_000,
    seq,
    contentFormat: 0,
    payload: payload ?? Buffer.from(`text ${seq}`),
  };
  return entryOf(push, acceptedAt, (receipt) => receipts.push(receipt));
}
