/** One association in octets: its terms as JSON, its keys wrapped by AES-256-GCM under the store key. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseEndpoint } from '../codec/address.ts';
import {
  parseBTid,
  parseFqdn,
  parseImpi,
  parsePTid,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  type PskIdentity,
} from '../ids.ts';
import { concat, EMPTY, utf8Bytes, utf8Text, view, wipe } from '../lib/bytes.ts';
import { isTls12Suite, type TlsBinding } from '../lib/suites.ts';
import { formatEndpoint } from '../codec/address.ts';
import type { SaRecord } from '../sa/association.ts';

/**
 * `storeKey` is 32 octets. The nonce is random: 96 bits, and a key is wrapped once for each handshake or
 * wake at most. A record of the longest names fits one slot (store/slots.ts).
 */
export function encodeSa(record: SaRecord, storeKey: Uint8Array): Uint8Array {
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt, lifetimeMs, proved } = record;
  const { dial, key, uiccKey, wake } = record;
  const nonce = randomBytes(NONCE_OCTETS);
  const bound = boundTo(bTid, wake?.counter);
  const cipher = createCipheriv('aes-256-gcm', storeKey, nonce).setAAD(bound);
  const keys = concat(key, uiccKey ?? EMPTY, wake?.key ?? EMPTY);
  const wrapped = concat(nonce, cipher.update(keys), cipher.final(), cipher.getAuthTag());
  wipe(keys);
  const stored: Stored = {
    pTid,
    impi,
    naf: nafFqdn,
    tls: binding.version === '1.2' ? binding.suite : '1.3',
    expiresAt,
    lifetimeMs,
    proved,
    keys: view(wrapped).toString('base64'),
    ...(wake && { wake: wake.counter }),
    ...(dial && {
      identity: shortIdentity(dial.identity, record),
      ...(dial.connect && { connect: formatEndpoint(dial.connect) }),
    }),
  };
  return utf8Bytes(JSON.stringify(stored));
}

/** The association of that B-TID; undefined for octets that this store key did not wrap. */
export function decodeSa(
  bTid: string,
  octets: Uint8Array,
  storeKey: Uint8Array,
): SaRecord | undefined {
  try {
    const stored = schema.parse(JSON.parse(utf8Text(octets) ?? ''));
    const { wake: counter } = stored;
    const wrapped = Uint8Array.from(Buffer.from(stored.keys, 'base64'));
    const [key, ...more] = unwrap(wrapped, boundTo(bTid, counter), storeKey);
    const wakeKey = counter === undefined ? undefined : more.pop();
    const [uiccKey, surplus] = more;
    if (!key || surplus || (counter === undefined) !== (wakeKey === undefined)) return undefined;
    const names = {
      bTid: parseBTid(bTid).bTid,
      ...(stored.pTid !== undefined && { pTid: parsePTid(stored.pTid).pTid }),
    };
    return {
      ...names,
      impi: parseImpi(stored.impi),
      nafFqdn: parseFqdn(stored.naf),
      binding: bindingOf(stored.tls),
      expiresAt: stored.expiresAt,
      proved: stored.proved,
      key,
      ...(stored.lifetimeMs !== undefined && { lifetimeMs: stored.lifetimeMs }),
      ...(uiccKey && { uiccKey }),
      ...(wakeKey && { wake: { key: wakeKey, counter: counter ?? 0 } }),
      ...(stored.identity !== undefined && {
        dial: {
          identity: longIdentity(stored.identity, names),
          ...(stored.connect !== undefined && { connect: parseEndpoint(stored.connect) }),
        },
      }),
    };
  } catch {
    return undefined;
  }
}

/** The keys, 32 octets each. @throws Error when this store key did not wrap them. */
function unwrap(wrapped: Uint8Array, bound: Uint8Array, storeKey: Uint8Array): Uint8Array[] {
  const nonce = wrapped.subarray(0, NONCE_OCTETS);
  const tag = wrapped.subarray(-TAG_OCTETS);
  const decipher = createDecipheriv('aes-256-gcm', storeKey, nonce, { authTagLength: TAG_OCTETS })
    .setAAD(bound)
    .setAuthTag(tag);
  const keys = concat(
    decipher.update(wrapped.subarray(NONCE_OCTETS, -TAG_OCTETS)),
    decipher.final(),
  );
  if (keys.length % KEY_OCTETS !== 0) throw new RangeError('keys');
  const each = Array.from({ length: keys.length / KEY_OCTETS }, (_, i) =>
    keys.slice(i * KEY_OCTETS, (i + 1) * KEY_OCTETS),
  );
  wipe(keys);
  return each;
}

/** What the wrapped keys belong to; with a counter the last of them is K_wake. */
function boundTo(bTid: string, counter: number | undefined): Uint8Array {
  return utf8Bytes(counter === undefined ? bTid : `${bTid} wake ${counter}`);
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

const schema = z.object({
  pTid: z.string().optional(),
  impi: z.string(),
  naf: z.string(),
  tls: z.string(),
  expiresAt: z.number(),
  lifetimeMs: z.number().positive().optional(),
  proved: z.boolean(),
  keys: z.string(),
  wake: z.int().min(0).max(0xffff_ffff).optional(),
  identity: z.string().optional(),
  connect: z.string().optional(),
});
type Stored = z.output<typeof schema>;
type Names = Pick<SaRecord, 'bTid' | 'pTid'>;

const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
