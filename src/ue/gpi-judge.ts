/** A GPI becomes an association: the SIM, the seal, policy, the NAF key and its MAC (docs/wire.md, steps 4 to 8). */
import { verifyEnvelope, type DecodedEnvelope } from '../codec/envelope.ts';
import { GPI_NAF_ID, openGpi, type DecodedGpi, type GbaPushInfo } from '../codec/gpi.ts';
import { GbaError } from '../errors.ts';
import {
  bindingOf,
  bTidOf,
  nafIdOf,
  PSK_NAMESPACE,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  type Fqdn,
} from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsBinding } from '../lib/suites.ts';
import { createTurns, type Turns } from '../lib/turns.ts';
import type { Endpoint } from '../codec/address.ts';
import { systemLookup, type Lookup } from '../net/network.ts';
import type { GbaType, NafKeySource, Usim } from '../ports.ts';
import { announce, type Announced } from '../sa/association.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';
import { HELD_MS, heldVectors } from './held-vectors.ts';

export interface GpiJudgeOptions {
  readonly usim: Usim;
  readonly clock: Clock;
  readonly policy: ConnectPolicy;
  /** Whether this UE would use a key with that TLS version and suite. */
  readonly acceptBinding: (binding: TlsBinding) => boolean;
  /** The id in the PSK identity. Default `b-tid`. */
  readonly pskIdentity?: 'b-tid' | 'p-tid';
  /** `internal`: in GBA_U this UE proves itself by Ks_int_NAF, as a UICC that speaks TLS. Default `external`. */
  readonly pskKey?: 'external' | 'internal';
  /** By default the operating system's. */
  readonly lookup?: Lookup;
  /** Of those that use the SIM; by default nobody else does. */
  readonly turns?: Turns;
}

/** A genuine trigger. The caller owns the association and its key. */
export interface AcceptedTrigger {
  readonly sa: Announced;
  readonly sessionId: number;
  /** Allowed addresses to dial now, in order. */
  readonly connect: readonly Endpoint[];
}

export interface Judged {
  readonly trigger: AcceptedTrigger;
  readonly usimMs: number;
}

export interface GpiJudge {
  /** `nafFqdn`: the only NAF that the GPI may be of; undefined: any. @throws GbaError, StoreError. */
  judge(envelope: DecodedEnvelope, gpi: DecodedGpi, nafFqdn: Fqdn | undefined): Promise<Judged>;
  /** Wipes what it holds. */
  close(): void;
}

export function createGpiJudge({
  usim,
  clock,
  policy,
  acceptBinding,
  pskIdentity = 'b-tid',
  pskKey = 'external',
  lookup = systemLookup,
  turns = createTurns(1),
}: GpiJudgeOptions): GpiJudge {
  const held = heldVectors(clock);

  const judge = async (
    envelope: DecodedEnvelope,
    gpi: DecodedGpi,
    nafFqdn: Fqdn | undefined,
  ): Promise<Judged> => {
    const askedAt = clock.monotonic();
    const vector = held.take(gpi) ?? {
      keys: await usim.authenticate(gpi.rand, gpi.autn, gpi.gbaU ? 'GBA_U' : 'GBA_ME'),
      wipedAt: askedAt + HELD_MS,
    };
    const usimMs = clock.monotonic() - askedAt;
    try {
      const trigger = await derive(vector.keys, envelope, gpi, nafFqdn);
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
    nafFqdn: Fqdn | undefined,
  ): Promise<AcceptedTrigger> => {
    const info = await open(keys, gpi);
    if (nafFqdn !== undefined && info.nafFqdn !== nafFqdn) {
      throw policyError(`a key for ${info.nafFqdn} inside a layer of ${nafFqdn}`);
    }
    const binding = bindingOf(info.uaId);
    if (binding === undefined || !acceptBinding(binding)) {
      const of = binding?.version === '1.2' ? `, TLS 1.2 with ${binding.suite}` : '';
      throw policyError(`this UE uses no key for Ua security protocol id ${info.uaId}${of}`);
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
    async judge(...asked) {
      const endTurn = await turns.take(NEVER);
      try {
        return await judge(...asked);
      } finally {
        endTurn();
      }
    },
    close() {
      held.close();
    },
  };
}

/** What the clear part of a GPI rules out, before the SIM is troubled. */
export function requireSupported({ method, gbaU }: DecodedGpi, uiccType?: GbaType): void {
  if (method !== 'psk-tls') {
    throw new GbaError('ERR_GPI_PROFILE', `this UE has no method ${method}; use psk-tls`);
  }
  if (gbaU && uiccType !== 'GBA_U') {
    throw new GbaError('ERR_GPI_PROFILE', 'this SIM has no GBA_U; use GBA_ME');
  }
}

function policyError(rule: string): GbaError {
  return new GbaError('ERR_GPI_POLICY', rule);
}

const NEVER = new AbortController().signal;
