/** A push under way, and the receipt that tells what became of it. */
import type { PushAnswer, PushMessage } from '../codec/push.ts';
import type { GbaErrorCode } from '../errors.ts';
import type { Impi, PushId } from '../ids.ts';
import type { Standing } from '../lib/line.ts';

/**
 * The cheapest way that was valid when the push went out, cheapest first. The first push over a layer tells
 * how that came to be: `ue-initiated`, when the UE opened it by a key of its own, made over Ub.
 */
export type Via = 'reuse' | 'resume' | 'reconnect' | 'ue-initiated' | 'bootstrap';

/** Why a push came to nothing. */
export type DeadReason = 'expired' | 'refused' | 'interrupted' | 'dropped';

/** What a layer tells of a push that went out over it: the UE's answer, or all that a plain client lets know. */
export type Outcome =
  | PushAnswer
  | { readonly kind: 'taken' }
  | { readonly kind: 'sent'; readonly detail?: string }
  | { readonly kind: 'too-large'; readonly detail: string };

/**
 * `acked`: the UE's handler has finished with it. A plain CoAP client, which observes, has no way to say
 * that: `taken` is its word that it processed the notification (a Pong with Custody, RFC 8323 5.4.1),
 * `sent` says that it was written to the layer, and that is all anybody knows. Neither goes out again.
 * `dead`: see `DeadReason`.
 */
export type PushState = 'acked' | 'taken' | 'sent' | 'dead';

/** What became of a push. Times are milliseconds; the stages of a layer that was open already are 0. */
export interface Receipt {
  readonly id: PushId;
  readonly ue: Impi;
  readonly state: PushState;
  /** Why it is dead. */
  readonly reason?: DeadReason;
  /** A sentence for people: why it is dead, or why no more is known of it. */
  readonly detail?: string;
  /** The error behind it, when it never reached the UE. */
  readonly code?: GbaErrorCode;
  /** Undefined when it never went out. */
  readonly via: Via | undefined;
  /** How often it went out. */
  readonly attempts: number;
  readonly ms: StageTimes & { readonly total: number; readonly push: number };
}

/** What a push waited for before it went out, ms; 0 for what was there already. */
export interface StageTimes {
  /** From asking the BSF to its answer. */
  readonly bsf: number;
  /** From the first trigger to the UE's TCP connection. */
  readonly trigger: number;
  /** From the TCP connection to the open layer. */
  readonly handshake: number;
}

/** One object: a push that is out is looked at from many sides. It stands in the line of those that are out. */
export interface Entry extends PushMessage, Standing<Entry> {
  readonly acceptedAt: number;
  /** Monotonic ms after which it is of no use. */
  readonly deadline: number;
  readonly settle: (receipt: Receipt) => void;
  attempts: number;
  sentAt: number;
  /** How often it went out without a word of the UE: a later "not now" says nothing of an earlier time. */
  unanswered: number;
  via: Via | undefined;
  stages: StageTimes;
}

/** A push that has not gone out yet; `acceptedAt` is monotonic ms. */
export function entryOf(
  push: PushMessage,
  acceptedAt: number,
  settle: (receipt: Receipt) => void,
): Entry {
  const { id, urgency, ttlSeconds, seq, contentFormat, payload } = push;
  return {
    id,
    urgency,
    ttlSeconds,
    seq,
    contentFormat,
    payload,
    acceptedAt,
    deadline: acceptedAt + ttlSeconds * 1_000,
    settle,
    attempts: 0,
    sentAt: 0,
    unanswered: 0,
    via: undefined,
    stages: NO_STAGES,
    line: undefined,
    ahead: undefined,
    behind: undefined,
  };
}

export const NO_STAGES: StageTimes = { bsf: 0, trigger: 0, handshake: 0 };

/** What a push waited for that was accepted `ms` before the last stage ended: a layer may be older than its first push. */
export function stagesWithin(ms: number, { bsf, trigger, handshake }: StageTimes): StageTimes {
  let left = Math.max(0, ms);
  const take = (stageMs: number): number => {
    const taken = Math.min(stageMs, left);
    left -= taken;
    return taken;
  };
  // The last first.
  return { handshake: take(handshake), trigger: take(trigger), bsf: take(bsf) };
}
