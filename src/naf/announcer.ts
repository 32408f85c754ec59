/** Makes a security association at the NAF: asks the BSF for key and GPI, and wraps the GPI for Upa. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Endpoint } from '../codec/address.ts';
import { sealEnvelope } from '../codec/envelope.ts';
import { decodeGpi } from '../codec/gpi.ts';
import {
  bsfFqdnFromImpi,
  bTidOf,
  P_TID_OCTETS,
  pTidOf,
  uaIdOf,
  type Fqdn,
  type Impi,
} from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsBinding } from '../lib/suites.ts';
import type { Bsf, GbaType, PushInfoRequest } from '../ports.ts';
import { announce, type Announced } from '../sa/association.ts';
import type { SaRegistry } from '../sa/registry.ts';

export interface AnnouncerOptions {
  readonly bsf: Bsf;
  readonly registry: SaRegistry;
  readonly clock: Clock;
  readonly nafFqdn: Fqdn;
  /** The TLS version, and in 1.2 the suite, that new associations are bound to. */
  readonly binding: TlsBinding;
  /** How long a new key shall live; the BSF may shorten it. */
  readonly lifetimeSeconds: number;
  /** Where keys shall be derived; undefined: on the card when it can. */
  readonly uiccOrMe?: GbaType | undefined;
  /** Where UEs shall connect; undefined: the NAF FQDN's own address and port 5684. */
  readonly connect: () => Endpoint | undefined;
}

/** An association that is ready for the UE to hear of. */
export interface Announcement {
  readonly sa: Announced;
  /** The sealed GBA-PUSH-INFO, and the Upa envelope around it. */
  readonly gpi: Uint8Array;
  readonly envelope: Uint8Array;
  /** Of the envelope, and the challenge in it: what an AUTS that answers it must name. */
  readonly sessionId: number;
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** How long the BSF took. */
  readonly bsfMs: number;
}

/** What the SIM said to the challenge of an earlier announcement. */
export type Resync = NonNullable<PushInfoRequest['resync']>;

/**
 * Steps 1 and 2 of the ladder. @throws BsfError, StoreError, SaError ERR_SA_EXPIRED, and AkaError
 * ERR_AKA_MAC_FAILURE when `resync` is not from the SIM.
 */
export async function announceTo(
  impi: Impi,
  options: AnnouncerOptions,
  signal?: AbortSignal,
  resync?: Resync,
): Promise<Announcement> {
  const { bsf, registry, clock, nafFqdn, binding } = options;
  const [askedAt, askedWallTime] = [clock.monotonic(), clock.now()];
  const pTid = pTidOf(randomBytes(P_TID_OCTETS));
  const answer = await bsf.pushInfo(
    {
      impi,
      nafFqdn,
      uaId: uaIdOf(binding),
      pTid,
      ...(options.uiccOrMe && { uiccOrMe: options.uiccOrMe }),
      ...(resync && { resync }),
      requestedExpiresAt: askedWallTime + options.lifetimeSeconds * 1_000,
    },
    signal,
  );
  const { ksNaf, ksIntNaf, gpi } = answer;
  if (signal?.aborted === true) wipe(ksNaf, ...(ksIntNaf ? [ksIntNaf] : []));
  signal?.throwIfAborted();
  const bsfMs = clock.monotonic() - askedAt;
  const { rand } = decodeGpi(gpi);
  const bTid = bTidOf(rand, bsf.fqdn ?? bsfFqdnFromImpi(impi));
  publish('gba:bsf:answered', { impi, bTid, ms: bsfMs });

  const sessionId = randomInt(1, 65_536);
  const envelope = sealEnvelope({ sessionId, connect: options.connect(), gpi }, ksNaf);
  // Whole seconds from now on, as in the GPI, and a clock that was set meanwhile does not matter: the UE
  // counts the same seconds from later on, so the key ends here first.
  const leftSeconds = Math.floor((answer.expiresAt - askedWallTime - bsfMs) / 1_000);
  const expiresAt = clock.now() + leftSeconds * 1_000;
  const terms = { bTid, pTid, impi, nafFqdn, binding, expiresAt };
  const sa = registry.add(announce(terms, ksNaf, ksIntNaf));
  return { sa, gpi, envelope, sessionId, rand, bsfMs };
}
