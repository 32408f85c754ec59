/** What is said over the control socket of `naf-push serve`: one JSON line in, one out. */
import { z } from 'zod';
import type { LiveSa } from '../sa/association.ts';
import { MOST_AT_ONCE, MOST_PUSHES } from './burst.ts';

/** `which` is a B-TID, an IMSI or an IMPI. */
export const controlRequest = z.discriminatedUnion('op', [
  z.object({ op: z.literal('ls'), which: z.string().optional() }),
  z.object({ op: z.literal('revoke'), which: z.string().optional() }),
  /** Ends layers; the keys stay. Answered when they are gone. */
  z.object({ op: z.literal('park'), which: z.string() }),
  /** Pushes one payload `count` times, `window` at once; see `BurstOrder`. Answered with the receipts. */
  z.object({
    op: z.literal('push'),
    ue: z.string(),
    payloadBase64: z.base64().max(90_000),
    count: z.int().min(1).max(MOST_PUSHES),
    window: z.int().min(1).max(MOST_AT_ONCE),
    withinMs: z.int().min(1).max(60_000),
    ttl: z.int().min(1).max(600),
  }),
]);
export type ControlRequest = z.output<typeof controlRequest>;

const saView = z.object({
  btid: z.string(),
  /** Absent in one that the UE began. */
  ptid: z.string().optional(),
  ue: z.string(),
  nafFqdn: z.string(),
  tls: z.string(),
  state: z.string(),
  /** Epoch ms. */
  expiresAt: z.number(),
});
/** What is told of an association: nothing of its keys. */
export type SaView = z.output<typeof saView>;

const receiptView = z.object({
  state: z.enum(['acked', 'taken', 'sent', 'dead']),
  reason: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
  via: z.enum(['reuse', 'resume', 'reconnect', 'ue-initiated', 'bootstrap']).optional(),
  ms: z.object({
    total: z.number(),
    bsf: z.number(),
    trigger: z.number(),
    handshake: z.number(),
    push: z.number(),
  }),
});
/** What is told of a push; a `Receipt` has it all, and more. */
export type ReceiptView = z.output<typeof receiptView>;

export const associationsAnswer = z.object({ associations: z.array(saView) });
export const burstAnswer = z.object({ receipts: z.array(receiptView), ms: z.number() });
export const errorAnswer = z.object({ error: z.string() });

export function viewOf({ bTid, pTid, impi, nafFqdn, binding, state, expiresAt }: LiveSa): SaView {
  const tls = binding.version === '1.2' ? `1.2 ${binding.suite}` : '1.3';
  return { btid: bTid, ...(pTid && { ptid: pTid }), ue: impi, nafFqdn, tls, state, expiresAt };
}
