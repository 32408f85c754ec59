/** One association in octets: its keys and its terms, sealed together by AES-256-GCM under the store key. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { formatEndpoint, parseEndpoint } from '../codec/address.ts';
import {
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  type BTid,
  type Fqdn,
  type Impi,
  type PskIdentity,
  type PTid,
} from '../ids.ts';
import { concat, EMPTY, utf8Bytes, wipe } from '../lib/bytes.ts';
import { isTls12Suite, type TlsBinding } from '../lib/suites.ts';
import type { SaRecord } from '../sa/association.ts';

/**
 * `storeKey` is 32 octets. The nonce is random: 96 bits, and an association is sealed once for each
 * handshake or wake at most. A record of the longest names fits one slot (store/slots.ts).
 */
export function encodeSa(record: SaRecord, storeKey: Uint8Array): Uint8Array {
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt, lifetimeMs, proved } = record;
  const { dial, key, uiccKey, wake } = record;
  const terms: Terms = {
    pTid,
    impi,
    naf: nafFqdn,
    tls: binding.version === '1.2' ? binding.suite : '1.3',
    expiresAt,
    lifetimeMs,
    proved,
    ...(wake && { wake: wake.counter }),
    ...(dial && {
      identity: shortIdentity(dial.identity, record),
      ...(dial.connect && { connect: formatEndpoint(dial.connect) }),
    }),
  };
  const json = utf8Bytes(JSON.stringify(terms));
  const kind = (uiccKey ? WITH_UICC_KEY : 0) | (wake ? WITH_WAKE_KEY : 0);
  const plain = concat(Uint8Array.of(kind), key, uiccKey ?? EMPTY, wake?.key ?? EMPTY, json);
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv('aes-256-gcm', storeKey, nonce).setAAD(nameOf(bTid));
  const sealed = concat(nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag());
  wipe(plain);
  return sealed;
}

/**
 * The association of that B-TID; undefined for octets that this store key did not seal for it. What
 * opens is what `encodeSa` was given, so its names have been parsed once and are not parsed again.
 */
export function decodeSa(
  bTid: string,
  octets: Uint8Array,
  storeKey: Uint8Array,
): SaRecord | undefined {
  const plain = open(octets, bTid, storeKey);
  if (plain === undefined) return undefined;
  const [kind = 0] = plain;
  let at = 1;
  const take = (): Uint8Array => new Uint8Array(plain.subarray(at, (at += KEY_OCTETS)));
  const key = take();
  const uiccKey = kind & WITH_UICC_KEY ? take() : undefined;
  const wakeKey = kind & WITH_WAKE_KEY ? take() : undefined;
  const terms = JSON.parse(plain.toString('utf8', at)) as Terms;
  wipe(plain);
  const { pTid, impi, naf: nafFqdn, tls, expiresAt, lifetimeMs, proved, wake = 0 } = terms;
  const names = { bTid: bTid as BTid, pTid };
  const binding = tls === '1.3' ? TLS13 : bindingOf(tls);
  const record = { ...names, impi, nafFqdn, binding, expiresAt, lifetimeMs, proved, key };
  const dial = dialOf(terms, names);
  if (!uiccKey && !wakeKey && !dial) return record;
  return {
    ...record,
    ...(uiccKey && { uiccKey }),
    ...(wakeKey && { wake: { key: wakeKey, counter: wake } }),
    ...(dial && { dial }),
  };
}

function open(octets: Uint8Array, bTid: string, storeKey: Uint8Array): Buffer | undefined {
  if (octets.length < NONCE_OCTETS + TAG_OCTETS) return undefined;
  const nonce = octets.subarray(0, NONCE_OCTETS);
  const decipher = createDecipheriv('aes-256-gcm', storeKey, nonce, OPTIONS)
    .setAAD(nameOf(bTid))
    .setAuthTag(octets.subarray(-TAG_OCTETS));
  const plain = decipher.update(octets.subarray(NONCE_OCTETS, -TAG_OCTETS));
  try {
    decipher.final();
    return plain;
  } catch {
    wipe(plain);
    return undefined;
  }
}

/** Which form the octets have, and whose they are: neither can be taken for another. */
function nameOf(bTid: string): Uint8Array {
  return Buffer.from(`gba-push association 1 ${bTid}`);
}

function dialOf({ identity, connect }: Terms, names: Names): SaRecord['dial'] {
  if (identity === undefined) return undefined;
  const whole = longIdentity(identity, names);
  return { identity: whole, ...(connect !== undefined && { connect: parseEndpoint(connect) }) };
}

/** The name in it, which the record has anyway, by a letter: a whole one would not leave room for K_wake. */
function shortIdentity(identity: PskIdentity, names: Names): string {
  const letter = Object.entries(identitiesOf(names)).find(([, whole]) => whole === identity)?.[0];
  if (letter === undefined) throw new RangeError('the PSK identity is not of this association');
  return letter;
}

/** The reverse. */
function longIdentity(letter: string, names: Names): PskIdentity {
  const identity = identitiesOf(names)[letter];
  if (identity === undefined) throw new RangeError('no identity');
  return identity;
}

function identitiesOf({ bTid, pTid }: Names): Readonly<Record<string, PskIdentity>> {
  return {
    b: pskIdentityOf(bTid),
    B: pskIdentityOf(bTid, PSK_NAMESPACE_UICC),
    ...(pTid && { p: pskIdentityOf(pTid), P: pskIdentityOf(pTid, PSK_NAMESPACE_UICC) }),
  };
}

function bindingOf(tls: string): TlsBinding {
  if (tls === '1.3') return { version: '1.3' };
  if (isTls12Suite(tls)) return { version: '1.2', suite: tls };
  throw new RangeError('no suite of this version');
}

/** As JSON, with short names: all of it has to fit. */
interface Terms {
  readonly pTid?: PTid | undefined;
  readonly impi: Impi;
  readonly naf: Fqdn;
  readonly tls: string;
  readonly expiresAt: number;
  readonly lifetimeMs: number;
  readonly proved: boolean;
  /** The counter of K_wake. */
  readonly wake?: number;
  readonly identity?: string;
  readonly connect?: string;
}
type Names = Pick<SaRecord, 'bTid' | 'pTid'>;

/** The first octet: which keys follow Ks_NAF. */
const WITH_UICC_KEY = 1;
const WITH_WAKE_KEY = 2;
const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const OPTIONS = { authTagLength: TAG_OCTETS };
const TLS13: TlsBinding = { version: '1.3' };
