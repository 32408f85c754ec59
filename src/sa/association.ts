/** A security association and its states; each transition takes the old one and gives the new one. */
import type { Endpoint } from '../codec/address.ts';
import {
  pskIdentityOf,
  type BTid,
  type Fqdn,
  type Impi,
  type PskIdentity,
  type PTid,
} from '../ids.ts';
import { equalSecret, requireOctets, wipe } from '../lib/bytes.ts';
import type { TlsBinding } from '../lib/suites.ts';
import type { EndedLog } from './ended.ts';

/** What both ends agree on. One association has one NAF and one TLS binding (RFC 9257). */
export interface SaTerms {
  readonly bTid: BTid;
  /** The NAF's own name for it, in push; after normal GBA, which the UE begins, there is none. */
  readonly pTid?: PTid | undefined;
  readonly impi: Impi;
  readonly nafFqdn: Fqdn;
  readonly binding: TlsBinding;
  /** Epoch ms by this end's own clock. */
  readonly expiresAt: number;
  /** At the UE: what it calls itself in TLS, and where it dials; without an address the NAF's own, port 5684. */
  readonly dial?: { readonly identity: PskIdentity; readonly connect?: Endpoint };
}

/** What proves that one is an end of it; wiped when the association closes. */
export interface SaKeys {
  /** Ks_NAF or Ks_ext_NAF, 32 octets; at a UE whose UICC speaks TLS, Ks_int_NAF. */
  readonly key: Uint8Array;
  /** At the NAF in GBA_U: Ks_int_NAF, 32 octets, under an identity of its own. */
  readonly uiccKey?: Uint8Array;
  /** By which the NAF calls the UE when no layer is open; absent until the UE has said that it takes pushes. */
  readonly wake?: SaWake;
}

/** K_wake and how far it is used up (docs/wire.md). */
export interface SaWake {
  /** K_wake, 32 octets: of the layer that was registered last. */
  readonly key: Uint8Array;
  /** The last counter that the NAF used, or that the UE accepted; 0: none yet. */
  readonly counter: number;
}

/** What outlives a process of an association: all but its layer. */
export interface SaRecord extends SaTerms, SaKeys {
  /** A handshake has proved the key, so the other end has it too. */
  readonly proved: boolean;
  /** From when it was made until it ends, ms. */
  readonly lifetimeMs: number;
}

/** Where associations live, so that both ends know each other again after a restart. */
export interface SaStore {
  /** Hands over what was there when it was opened, once, and the keys with it. */
  recover(): readonly SaRecord[];
  /** On disk (against `kill -9`) when it returns; it replaces what was there of that B-TID. @throws StoreError. */
  put(record: SaRecord): void;
  /** Its keys are overwritten when it returns. @throws StoreError. */
  delete(bTid: BTid): void;
  /** Which of them must not come back; absent: a NAF knows that only as long as it lives. Closed with the rest. */
  readonly ended?: EndedLog;
  /** Frees what it holds; again has no effect. */
  close(): void;
}

/** The key is there; no handshake has proved it yet. */
export interface Announced extends SaTerms, SaKeys {
  readonly state: 'announced';
}

/** A layer under the key is open. */
export interface Established extends SaTerms, SaKeys {
  readonly state: 'established';
}

/** No layer is open; the key is valid, so a handshake suffices. */
export interface Parked extends SaTerms, SaKeys {
  readonly state: 'parked';
}

export type CloseReason = 'expired' | 'revoked' | 'superseded';

/** Over. There is no key in it. */
export interface Closed extends SaTerms {
  readonly state: 'closed';
  readonly reason: CloseReason;
}

/** An association that is not over. */
export type LiveSa = Announced | Established | Parked;
export type SecurityAssociation = LiveSa | Closed;

/** A new association. It owns the keys from here on. @throws RangeError unless they have 32 octets. */
export function announce(terms: SaTerms, key: Uint8Array, uiccKey?: Uint8Array): Announced {
  requireOctets('a NAF key', key, 32);
  if (uiccKey) requireOctets('a NAF key', uiccKey, 32);
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt, dial } = terms;
  const sa = { bTid, pTid, impi, nafFqdn, binding, expiresAt, state: 'announced', key } as const;
  if (!dial && !uiccKey) return sa;
  return { ...sa, ...(uiccKey && { uiccKey }), ...(dial && { dial }) };
}

/** One that was written down: under a proved key a handshake suffices. The keys are its own from here on. */
export function recall(record: SaRecord, expiresAt: number): Announced | Parked {
  const { bTid, pTid, impi, nafFqdn, binding, dial, key, uiccKey, wake } = record;
  const state = record.proved ? 'parked' : 'announced';
  // One literal for nearly all: there may be a hundred thousand, and assembling each costs more.
  const sa = { bTid, pTid, impi, nafFqdn, binding, expiresAt, state, key } as const;
  if (!uiccKey && !wake && !dial) return sa;
  return withMore(sa, {
    ...(uiccKey && { uiccKey }),
    ...(wake && { wake }),
    ...(dial && { dial }),
  });
}

/** A handshake under the key is complete. */
export function establish(sa: LiveSa): Established {
  return { ...sa, state: 'established' };
}

/** The layer is gone; the key stays. */
export function park(sa: LiveSa): Parked {
  return { ...sa, state: 'parked' };
}

/** Another K_wake, with no counter used, in place of the one before, which is wiped; the same one stays as it is. */
export function rekeyWake<S extends LiveSa>(sa: S, key: Uint8Array): S {
  requireOctets('K_wake', key, 32);
  if (sa.wake !== undefined && equalSecret(sa.wake.key, key)) {
    if (sa.wake.key !== key) wipe(key);
    return sa;
  }
  if (sa.wake) wipe(sa.wake.key);
  return withMore(sa, { wake: { key, counter: 0 } });
}

/**
 * That counter and all before it are used up; at the UE the NAF may say where to dial from now on.
 * @throws RangeError unless there is a K_wake and the counter is a later one.
 */
export function countWake<S extends LiveSa>(sa: S, counter: number, connect?: Endpoint): S {
  const { wake, dial } = sa;
  if (wake === undefined || counter <= wake.counter) {
    throw new RangeError(`counter ${counter} is not after ${wake?.counter ?? 'any'}`);
  }
  const moved = connect && { identity: dial?.identity ?? pskIdentityOf(sa.bTid), connect };
  return withMore(sa, { wake: { key: wake.key, counter }, ...(moved && { dial: moved }) });
}

/** Not spread: V8 gives whatever a spread adds a property to a shape of its own, 360 octets for each. */
function withMore<S extends LiveSa>(sa: S, more: Partial<LiveSa>): S {
  return Object.assign({}, sa, more);
}

/** Wipes its keys. */
export function forgetKeys({ key, uiccKey, wake }: SaKeys): void {
  wipe(key);
  if (uiccKey) wipe(uiccKey);
  if (wake) wipe(wake.key);
}

/** Ends it and wipes its keys. */
export function close(sa: LiveSa, reason: CloseReason): Closed {
  forgetKeys(sa);
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt } = sa;
  return { bTid, pTid, impi, nafFqdn, binding, expiresAt, state: 'closed', reason };
}
