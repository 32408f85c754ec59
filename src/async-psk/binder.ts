/** The binder of an external SHA-256 key, by which a hello proves that its sender has it (RFC 8446 4.2.11.2). */
import { createHash, createHmac } from 'node:crypto';
import { concat, equalSecret, uintBytes, utf8Bytes } from '../lib/bytes.ts';
import type { ClientHello, OfferedPsk } from './hello.ts';

/** True when the binder was made with this key, so that OpenSSL will find it true as well. */
export function isBinderTrue(
  { truncated }: Pick<ClientHello, 'truncated'>,
  { binder }: Pick<OfferedPsk, 'binder'>,
  key: Uint8Array,
): boolean {
  const early = hmac(new Uint8Array(HASH_OCTETS), key);
  const binderKey = expandLabel(early, 'ext binder', hash(new Uint8Array(0)));
  const finishedKey = expandLabel(binderKey, 'finished', new Uint8Array(0));
  return equalSecret(binder, hmac(finishedKey, hash(truncated)));
}

/** HKDF-Expand-Label for one block (RFC 8446 7.1). */
function expandLabel(secret: Uint8Array, label: string, context: Uint8Array): Uint8Array {
  const name = utf8Bytes(`tls13 ${label}`);
  const info = concat(
    uintBytes(HASH_OCTETS, 2),
    Uint8Array.of(name.length),
    name,
    Uint8Array.of(context.length),
    context,
    Uint8Array.of(1),
  );
  return hmac(secret, info);
}

function hmac(key: Uint8Array, octets: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(octets).digest();
}

function hash(octets: Uint8Array): Uint8Array {
  return createHash('sha256').update(octets).digest();
}

const HASH_OCTETS = 32;
