/** A security association and its states; each transition takes the old one and gives the new one. */
import type { BTid, Fqdn, Impi, PTid } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { TlsBinding } from '../lib/suites.ts';

/** What both ends agree on. One association has one NAF, one TLS binding and one key (RFC 9257). */
export interface SaTerms {
  readonly bTid: BTid;
  readonly pTid: PTid;
  readonly impi: Impi;
  readonly nafFqdn: Fqdn;
  readonly binding: TlsBinding;
  /** Epoch ms by this end's own clock. */
  readonly expiresAt: number;
}

/** The key is there; no handshake has proved it yet. */
export interface Announced extends SaTerms {
  readonly state: 'announced';
  /** Ks_NAF or Ks_ext_NAF, 32 octets; wiped when the association closes. */
  readonly key: Uint8Array;
}

/** A layer under the key is open. */
export interface Established extends SaTerms {
  readonly state: 'established';
  readonly key: Uint8Array;
}

/** No layer is open; the key is valid, so a handshake suffices. */
export interface Parked extends SaTerms {
  readonly state: 'parked';
  readonly key: Uint8Array;
}

export type CloseReason = 'expired' | 'revoked' | 'superseded';

/** Over. There is no key in it. */
export interface Closed extends SaTerms {
  readonly state: 'closed';
  readonly reason: CloseReason;
}

export type LiveSa = Announced | Established | Parked;
export type SecurityAssociation = LiveSa | Closed;

/** A new association. It owns `key` from here on. @throws RangeError unless the key has 32 octets. */
export function announce(terms: SaTerms, key: Uint8Array): Announced {
  if (key.length !== 32) throw new RangeError(`a NAF key is 32 octets, not ${key.length}`);
  return { ...terms, state: 'announced', key };
}

/** A handshake under the key is complete. */
export function establish(sa: LiveSa): Established {
  return { ...sa, state: 'established' };
}

/** The layer is gone; the key stays. */
export function park(sa: LiveSa): Parked {
  return { ...sa, state: 'parked' };
}

/** Ends it and wipes its key. */
export function close(sa: LiveSa, reason: CloseReason): Closed {
  wipe(sa.key);
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt } = sa;
  return { bTid, pTid, impi, nafFqdn, binding, expiresAt, state: 'closed', reason };
}
