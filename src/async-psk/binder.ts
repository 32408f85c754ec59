/** The binder of an external SHA-256 key, by which a hello proves that its sender has it (RFC 8446 4.2.11.2). */
import { hash } from 'node:crypto';
import { EMPTY, concat, uintBytes, utf8Bytes, wipe } from '../lib/bytes.ts';
import { hmacSha256, isHmacSha256 } from '../lib/hmac.ts';
import type { ClientHello, OfferedPsk } from './hello.ts';

/** What proves a key, and over what. */
export interface Proof extends Pick<ClientHello, 'truncated'>, Pick<OfferedPsk, 'binder'> {}

/** True when the binder was made with this key, so that OpenSSL will find it true as well. */
export function isBinderTrue({ truncated, binder }: Proof, key: Uint8Array): boolean {
  const early = hmacSha256(EMPTY, key);
  const binderKey = hmacSha256(early, EXT_BINDER);
  const finishedKey = hmacSha256(binderKey, FINISHED);
  transcript.write(hash('sha256', truncated, 'binary'), 0, 'latin1');
  const isTrue = isHmacSha256(binder, finishedKey, transcript);
  wipe(early, binderKey, finishedKey);
  return isTrue;
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
/** As text a digest costs a quarter of one in memory of its own. */
const transcript = Buffer.alloc(HASH_OCTETS);
const EXT_BINDER = expandInfo('ext binder', hash('sha256', EMPTY, 'buffer'));
const FINISHED = expandInfo('finished', EMPTY);
