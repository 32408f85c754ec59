/** From a datagram of a stranger to an association, in the order of docs/wire.md; nothing is answered. */
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeEnvelope, verifyEnvelope, type DecodedEnvelope } from '../codec/envelope.ts';
import { decodeGpi, GPI_NAF_ID, openGpi, type DecodedGpi, type GbaPushInfo } from '../codec/gpi.ts';
import { AkaError, GbaError, SyncFailure } from '../errors.ts';
import {
  bindingOf,
  bTidOf,
  nafIdOf,
  PSK_NAMESPACE,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
} from '../ids.ts';
import { toHex, wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { rateLimit, recentSet, type RateLimitOptions } from '../lib/limits.ts';
import type { TlsBinding } from '../lib/suites.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { sourceOf } from '../lib/ip.ts';
import { systemLookup, type Lookup } from '../net/network.ts';
import type { GbaType, NafKeySource, Usim } from '../ports.ts';
import { announce, type Announced } from '../sa/association.ts';
import type { ReplyToTrigger } from '../net/upa.ts';
import type { AutsAnswers } from './auts-answers.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';
import { HELD_MS, heldVectors } from './held-vectors.ts';

export interface GpiIntakeOptions {
  readonly usim: Usim;
  readonly clock: Clock;
  readonly policy: ConnectPolicy;
  /** Whether this UE would use a key with that TLS version and suite. */
  readonly acceptBinding: (binding: TlsBinding) => boolean;
  /** The id in the PSK identity. Default `b-tid`. */
  readonly pskIdentity?: 'b-tid' | 'p-tid';
  /** `internal`: in GBA_U this UE proves itself by Ks_int_NAF, as a UICC that speaks TLS. Default `external`. */
  readonly pskKey?: 'external' | 'internal';
  /** What a trigger with an SQN out of step gets; nothing when absent. */
  readonly auts?: AutsAnswers;
  /** Triggers per source: an IPv4 address or an IPv6 /64. By default 16 at once, then 2 per second. */
  readonly rate?: RateLimitOptions;
  /** By default the operating system's. */
  readonly lookup?: Lookup;
}

/** A genuine trigger. The caller owns the association and its key. */
export interface AcceptedTrigger {
  readonly sa: Announced;
  readonly sessionId: number;
  /** Allowed addresses to dial now, in order. */
  readonly connect: readonly Endpoint[];
}

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
  /** Wipes what it holds. */
  close(): void;
}

export function createGpiIntake({
  usim,
  clock,
  policy,
  acceptBinding,
  pskIdentity = 'b-tid',
  pskKey = 'external',
  auts,
  rate = { burst: 16, perSecond: 2, sources: 1_024 },
  lookup = systemLookup,
}: GpiIntakeOptions): GpiIntake {
  const seen = recentSet(clock, { entries: 4_096, forMs: 600_000 });
  const limit = rateLimit(clock, rate);
  const held = heldVectors(clock);
  const oneAtATime = boundedQueue(MAX_WAITING);

  const judge = async (envelope: DecodedEnvelope, gpi: DecodedGpi): Promise<Judged> => {
    const askedAt = clock.monotonic();
    const vector = held.take(gpi) ?? {
      keys: await usim.authenticate(gpi.rand, gpi.autn, gpi.gbaU ? 'GBA_U' : 'GBA_ME'),
      wipedAt: askedAt + HELD_MS,
    };
    const usimMs = clock.monotonic() - askedAt;
    try {
      const trigger = await derive(vector.keys, envelope, gpi);
      vector.keys.wipe();
      return { trigger, usimMs };
    } catch (error) {
      held.hold(gpi, vector);
      throw error;
    }
  };

  const derive = async (
    keys: NafKeySource,
    envelope: DecodedEnvelope,
    gpi: DecodedGpi,
  ): Promise<AcceptedTrigger> => {
    const info = await open(keys, gpi);
    const binding = bindingOf(info.uaId);
    if (binding === undefined || !acceptBinding(binding)) {
      throw policyError(`this UE uses no key for Ua security protocol id ${info.uaId}`);
    }
    if (info.lifetimeSeconds === 0) throw policyError('the key has ended already');
    const connect = await resolveConnect(policy, info.nafFqdn, envelope.connect, lookup);
    const nafId = nafIdOf(info.nafFqdn, info.uaId);
    const ksNaf = await keys.derive(nafId);
    try {
      verifyEnvelope(envelope, ksNaf);
    } catch (error) {
      wipe(ksNaf);
      throw error;
    }
    const { sessionId, connect: connectAddress } = envelope;
    const internal = pskKey === 'internal' ? await keys.deriveInternal?.(nafId) : undefined;
    if (internal) wipe(ksNaf);
    const bTid = bTidOf(info.rand, info.bsfFqdn);
    const id = pskIdentity === 'p-tid' ? info.pTid : bTid;
    const identity = pskIdentityOf(id, internal ? PSK_NAMESPACE_UICC : PSK_NAMESPACE);
    const terms = {
      bTid,
      pTid: info.pTid,
      impi: usim.impi,
      nafFqdn: info.nafFqdn,
      binding,
      expiresAt: clock.now() + info.lifetimeSeconds * 1_000,
      dial: { identity, ...(connectAddress && { connect: connectAddress }) },
    };
    return { sa: announce(terms, internal ?? ksNaf), sessionId, connect };
  };

  const open = async (keys: NafKeySource, gpi: DecodedGpi): Promise<GbaPushInfo> => {
    const key = await keys.derive(GPI_NAF_ID);
    try {
      return openGpi(gpi, { key, impi: usim.impi });
    } finally {
      wipe(key);
    }
  };

  return {
    async accept(octets, from, reply = ignore) {
      const startedAt = clock.monotonic();
      const digest = toHex(sha256(octets));
      try {
        const envelope = decodeEnvelope(octets);
        const gpi = decodeGpi(envelope.gpi);
        requireSupported(gpi, usim.uiccType);
        if (seen.has(digest)) {
          const answered = auts?.has(digest) === true && limit.take(sourceOf(from.host));
          if (answered) auts.repeat({ digest, from, reply });
          throw duplicate();
        }
        if (!limit.take(sourceOf(from.host))) throw busy('too many triggers from this source');
        seen.add(digest);
        const { trigger, usimMs } = await oneAtATime(() => judge(envelope, gpi)).catch(
          async (error: unknown) => {
            if (error instanceof SyncFailure) {
              const { sessionId } = envelope;
              await auts?.give(error.auts, { digest, sessionId, rand: gpi.rand, from, reply });
            }
            throw error;
          },
        );
        const { bTid, nafFqdn } = trigger.sa;
        const totalMs = clock.monotonic() - startedAt;
        publish('gba:trigger:accepted', { bTid, nafFqdn, usimMs, totalMs });
        return trigger;
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        if (error.retryable && !(error instanceof AkaError)) seen.delete(digest);
        const { code, message: reason } = error;
        publish('gba:trigger:refused', { from: formatEndpoint(from), code, reason });
        return undefined;
      }
    },
    close() {
      held.close();
    },
  };
}

interface Judged {
  readonly trigger: AcceptedTrigger;
  readonly usimMs: number;
}

/** What the clear part of a GPI rules out, before the SIM is troubled. */
function requireSupported({ method, gbaU }: DecodedGpi, uiccType?: GbaType): void {
  if (method !== 'psk-tls') {
    throw new GbaError('ERR_GPI_PROFILE', `this UE has no method ${method}; use psk-tls`);
  }
  if (gbaU && uiccType !== 'GBA_U') {
    throw new GbaError('ERR_GPI_PROFILE', 'this SIM has no GBA_U; use GBA_ME');
  }
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

function policyError(rule: string): GbaError {
  return new GbaError('ERR_GPI_POLICY', rule);
}

function duplicate(): GbaError {
  return new GbaError('ERR_UPA_DUPLICATE', 'this very trigger came before');
}

function busy(rule: string): GbaError {
  return new GbaError('ERR_UPA_BUSY', rule, { retryable: true });
}

const MAX_WAITING = 16;
const ignore = (): void => undefined;
