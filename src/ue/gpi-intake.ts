/** From a datagram of a stranger to an association, in the order of docs/wire.md; nothing is answered. */
import { decodeEnvelope } from '../codec/envelope.ts';
import { decodeGpi } from '../codec/gpi.ts';
import { AkaError, GbaError, SyncFailure } from '../errors.ts';
import type { BTid, Fqdn } from '../ids.ts';
import { publish } from '../lib/events.ts';
import { sha256Hex } from '../lib/hmac.ts';
import { rateLimit, recentSet, type RateLimitOptions } from '../lib/limits.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { sourceOf } from '../lib/ip.ts';
import type { ReplyToTrigger } from '../net/upa.ts';
import type { AutsAnswers } from './auts-answers.ts';
import {
  createGpiJudge,
  requireSupported,
  type AcceptedTrigger,
  type GpiJudgeOptions,
} from './gpi-judge.ts';

export interface GpiIntakeOptions extends GpiJudgeOptions {
  /** What a trigger with an SQN out of step gets; nothing when absent. */
  readonly auts?: AutsAnswers;
  /** Triggers per source: an IPv4 address or an IPv6 /64. By default 16 at once, then 2 per second. */
  readonly rate?: RateLimitOptions;
}

/** The layer by which an envelope came: its NAF has proved itself. */
export interface InsideLayer {
  readonly nafFqdn: Fqdn;
  /** The NAF's end of it. */
  readonly from: Endpoint;
  /** Gets an AUTS message, before the envelope is refused. */
  readonly reply: ReplyToTrigger;
}

/** What became of an envelope that came inside a layer. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly trigger: AcceptedTrigger }
  /** These very octets were accepted lately. */
  | { readonly kind: 'accepted-before'; readonly bTid: BTid }
  | { readonly kind: 'refused'; readonly error: GbaError };

export interface GpiIntake {
  /**
   * Judges one envelope. Every refusal is the event `gba:trigger:refused` and `undefined`, whoever is
   * to blame; it never rejects for a GbaError. Only AUTS ever goes out by `reply`.
   */
  accept(
    envelope: Uint8Array,
    from: Endpoint,
    reply?: ReplyToTrigger,
  ): Promise<AcceptedTrigger | undefined>;
  /**
   * The same for one that came inside a layer. It must be of that NAF, which has a rate limit of its own
   * whatever its address, and AUTS is for it whatever the connect policy says of that address.
   */
  acceptInside(envelope: Uint8Array, layer: InsideLayer): Promise<Verdict>;
  /** Wipes what it holds. */
  close(): void;
}

export function createGpiIntake(options: GpiIntakeOptions): GpiIntake {
  const { usim, clock, auts, rate = DEFAULT_RATE } = options;
  const seen = recentSet(clock, { entries: 4_096, forMs: 600_000 });
  const limit = rateLimit(clock, rate);
  const insideLimit = rateLimit(clock, INSIDE_RATE);
  const accepted = new Map<string, BTid>();
  const judge = createGpiJudge(options);
  const oneAtATime = boundedQueue(MAX_WAITING);

  /** @throws GbaError after telling of it. */
  const take = async (octets: Uint8Array, source: Source): Promise<AcceptedTrigger> => {
    const { from, nafFqdn, reply } = source;
    const proved = nafFqdn !== undefined;
    const mayAsk = (): boolean =>
      proved ? insideLimit.take(nafFqdn) : limit.take(sourceOf(from.host));
    const startedAt = clock.monotonic();
    const { digest } = source;
    try {
      const envelope = decodeEnvelope(octets);
      const gpi = decodeGpi(envelope.gpi);
      requireSupported(gpi, usim.uiccType);
      if (seen.has(digest)) {
        const answered = auts?.has(digest) === true && mayAsk();
        if (answered) auts.repeat({ digest, from, reply });
        throw duplicate();
      }
      if (!mayAsk()) throw busy('too many triggers from this source');
      seen.add(digest);
      const { trigger, usimMs } = await oneAtATime(() => judge.judge(envelope, gpi, nafFqdn)).catch(
        async (error: unknown) => {
          if (error instanceof SyncFailure) {
            const { sessionId } = envelope;
            const { rand } = gpi;
            await auts?.give(error.auts, { digest, sessionId, rand, from, proved, reply });
          }
          throw error;
        },
      );
      const { bTid, nafFqdn: naf } = trigger.sa;
      const totalMs = clock.monotonic() - startedAt;
      publish('gba:trigger:accepted', { bTid, nafFqdn: naf, usimMs, totalMs });
      accepted.set(digest, bTid);
      const [oldest] = accepted.keys();
      if (accepted.size > MAX_ACCEPTED && oldest !== undefined) accepted.delete(oldest);
      return trigger;
    } catch (error) {
      if (!(error instanceof GbaError)) throw error;
      if (error.retryable && !(error instanceof AkaError)) seen.delete(digest);
      const { code, message: reason } = error;
      publish('gba:trigger:refused', { from: formatEndpoint(from), code, reason });
      throw error;
    }
  };

  return {
    async accept(octets, from, reply = ignore) {
      try {
        return await take(octets, { from, reply, digest: sha256Hex(octets) });
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        return undefined;
      }
    },
    async acceptInside(octets, layer) {
      const digest = sha256Hex(octets);
      const bTid = accepted.get(digest);
      if (bTid !== undefined) return { kind: 'accepted-before', bTid };
      try {
        return { kind: 'accepted', trigger: await take(octets, { ...layer, digest }) };
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        return { kind: 'refused', error };
      }
    },
    close() {
      judge.close();
    },
  };
}

interface Source extends Omit<InsideLayer, 'nafFqdn'> {
  /** Of the octets. */
  readonly digest: string;
  readonly nafFqdn?: Fqdn;
}

/** Runs tasks one after the other. Throws ERR_UPA_BUSY while `waiting` of them are in it. */
function boundedQueue(waiting: number): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let inside = 0;
  return (task) => {
    if (inside >= waiting) throw busy('the SIM has too many triggers to judge already');
    inside += 1;
    const result = last.then(task).finally(() => {
      inside -= 1;
    });
    last = result.catch(() => undefined);
    return result;
  };
}

function duplicate(): GbaError {
  return new GbaError('ERR_UPA_DUPLICATE', 'this very trigger came before');
}

function busy(rule: string): GbaError {
  return new GbaError('ERR_UPA_BUSY', rule, { retryable: true });
}

const MAX_WAITING = 16;
/** Accepted envelopes of which a copy is known again. */
const MAX_ACCEPTED = 64;
const DEFAULT_RATE: RateLimitOptions = { burst: 16, perSecond: 2, sources: 1_024 };
/** Envelopes inside layers, per NAF. */
const INSIDE_RATE: RateLimitOptions = { burst: 16, perSecond: 2, sources: 64 };
const ignore = (): void => undefined;
