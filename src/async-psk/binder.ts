/** The binder of an external SHA-256 key, by which a hello proves that its sender has it (RFC 8446 4.2.11.2). */
import { hash } from 'node:crypto';
import { EMPTY, concat, equalSecret, uintBytes, utf8Bytes, wipe } from '../lib/bytes.ts';
import type { ClientHello, OfferedPsk } from './hello.ts';

/** True when the binder was made with this key, so that OpenSSL will find it true as well. */
export function isBinderTrue(
  { truncated }: Pick<ClientHello, 'truncated'>,
  { binder }: Pick<OfferedPsk, 'binder'>,
  key: Uint8Array,
): boolean {
  const early = hmac(NO_SALT, key);
  const binderKey = hmac(early, EXT_BINDER);
  const finishedKey = hmac(binderKey, FINISHED);
  const isTrue = equalSecret(binder, hmac(finishedKey, sha256(truncated)));
  wipe(early, binderKey, finishedKey, inner, outer);
  return isTrue;
}

/**
 * HMAC (RFC 2104) with keys and texts of up to 256 octets, as one hash of each half: `createHmac` costs
 * several times as much, and so do blocks that are allocated for each.
 */
function hmac(key: Uint8Array, octets: Uint8Array): Uint8Array {
  const short = key.length > BLOCK_OCTETS ? sha256(key) : key;
  for (let i = 0; i < BLOCK_OCTETS; i += 1) {
    const octet = short[i] ?? 0;
    inner[i] = octet ^ 0x36;
    outer[i] = octet ^ 0x5c;
  }
  inner.set(octets, BLOCK_OCTETS);
  outer.set(sha256(inner.subarray(0, BLOCK_OCTETS + octets.length)), BLOCK_OCTETS);
  return sha256(outer);
}

function sha256(octets: Uint8Array): Uint8Array {
  return hash('sha256', octets, 'buffer');
}

/** The info of HKDF-Expand-Label for one block of output, with the counter of that block (RFC 8446 7.1). */
function expandInfo(label: string, context: Uint8Array): Uint8Array {
  const name = utf8Bytes(`tls13 ${label}`);
  return concat(
    uintBytes(HASH_OCTETS, 2),
    Uint8Array.of(name.length),
    name,
    Uint8Array.of(context.length),
    context,
    Uint8Array.of(1),
  );
}

const HASH_OCTETS = 32;
const BLOCK_OCTETS = 64;
/** Where blocks are put together; nothing is left in them. */
const inner = new Uint8Array(BLOCK_OCTETS + 256);
const outer = new Uint8Array(BLOCK_OCTETS + HASH_OCTETS);
const NO_SALT = new Uint8Array(HASH_OCTETS);
const EXT_BINDER = expandInfo('ext binder', sha256(EMPTY));
const FINISHED = expandInfo('finished', EMPTY);
