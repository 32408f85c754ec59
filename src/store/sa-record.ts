/** One association in octets: its terms as JSON, its keys wrapped by AES-256-GCM under the store key. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseEndpoint } from '../codec/address.ts';
import { parseBTid, parseFqdn, parseImpi, parsePskIdentity, parsePTid, type BTid } from '../ids.ts';
import { concat, EMPTY, fromHex, toHex, utf8Bytes, utf8Text, wipe } from '../lib/bytes.ts';
import { isTls12Suite, type TlsBinding } from '../lib/suites.ts';
import { formatEndpoint } from '../codec/address.ts';
import type { SaRecord } from '../sa/association.ts';

/** `storeKey` is 32 octets. The nonce is random, and a key is wrapped a few times at most. */
export function encodeSa(record: SaRecord, storeKey: Uint8Array): Uint8Array {
  const { bTid, pTid, impi, nafFqdn, binding, expiresAt, lifetimeMs, proved } = record;
  const { dial, key, uiccKey } = record;
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv('aes-256-gcm', storeKey, nonce).setAAD(utf8Bytes(bTid));
  const keys = concat(key, uiccKey ?? EMPTY);
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
    keys: toHex(wrapped),
    ...(dial && {
      identity: dial.identity,
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
    const keys = unwrap(fromHex(stored.keys), bTid, storeKey);
    return {
      bTid: parseBTid(bTid).bTid,
      pTid: parsePTid(stored.pTid).pTid,
      impi: parseImpi(stored.impi),
      nafFqdn: parseFqdn(stored.naf),
      binding: bindingOf(stored.tls),
      expiresAt: stored.expiresAt,
      proved: stored.proved,
      key: keys.slice(0, KEY_OCTETS),
      ...(stored.lifetimeMs !== undefined && { lifetimeMs: stored.lifetimeMs }),
      ...(keys.length > KEY_OCTETS && { uiccKey: keys.slice(KEY_OCTETS) }),
      ...(stored.identity !== undefined && {
        dial: {
          identity: parsePskIdentity(stored.identity),
          ...(stored.connect !== undefined && { connect: parseEndpoint(stored.connect) }),
        },
      }),
    };
  } catch {
    return undefined;
  }
}

function unwrap(wrapped: Uint8Array, bTid: BTid | string, storeKey: Uint8Array): Uint8Array {
  const nonce = wrapped.subarray(0, NONCE_OCTETS);
  const tag = wrapped.subarray(-TAG_OCTETS);
  const decipher = createDecipheriv('aes-256-gcm', storeKey, nonce, { authTagLength: TAG_OCTETS })
    .setAAD(utf8Bytes(bTid))
    .setAuthTag(tag);
  const keys = concat(
    decipher.update(wrapped.subarray(NONCE_OCTETS, -TAG_OCTETS)),
    decipher.final(),
  );
  if (keys.length !== KEY_OCTETS && keys.length !== 2 * KEY_OCTETS) throw new RangeError('keys');
  return keys;
}

function bindingOf(tls: string): TlsBinding {
  if (tls === '1.3') return { version: '1.3' };
  if (isTls12Suite(tls)) return { version: '1.2', suite: tls };
  throw new RangeError('no suite of this version');
}

const schema = z.object({
  pTid: z.string(),
  impi: z.string(),
  naf: z.string(),
  tls: z.string(),
  expiresAt: z.number(),
  lifetimeMs: z.number().positive().optional(),
  proved: z.boolean(),
  keys: z.string(),
  identity: z.string().optional(),
  connect: z.string().optional(),
});
type Stored = z.output<typeof schema>;

const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
