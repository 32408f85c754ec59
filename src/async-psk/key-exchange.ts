/** What TLS 1.2 says of a pre-shared key after the hello (RFC 5246 7.4.1.3, RFC 4279 clauses 2 to 4). */
import { FieldReader } from '../codec/fields.ts';
import { vector } from './hello.ts';

/** What the server chose; `suite` is the IANA code. */
export interface ServerHello {
  /** 0x0303 is TLS 1.2. */
  readonly version: number;
  readonly suite: number;
}

/** Reads a whole ServerHello with its header. @throws CodecError when it ends early. */
export function decodeServerHello(message: Uint8Array): ServerHello {
  const reader = new FieldReader(message, { code: CODE, what: 'the ServerHello' });
  reader.take('header', 4);
  const version = reader.uint('server_version', 2);
  reader.take('random', 32);
  vector(reader, 'session_id', 1);
  return { version, suite: reader.uint('cipher_suite', 2) };
}

/**
 * The psk_identity of a whole ClientKeyExchange with its header: in all of PSK, DHE_PSK and ECDHE_PSK
 * it comes first. @throws CodecError when it ends early.
 */
export function decodePskIdentity(message: Uint8Array): Uint8Array {
  const reader = new FieldReader(message, { code: CODE, what: 'the ClientKeyExchange' });
  reader.take('header', 4);
  return vector(reader, 'psk_identity', 2).rest('psk_identity');
}

/** The version that a ServerHello of TLS 1.2 shows. */
export const TLS12 = 0x0303;

const CODE = 'ERR_CHANNEL_PROTOCOL';
