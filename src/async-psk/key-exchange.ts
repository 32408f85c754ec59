/** What TLS 1.2 says of a pre-shared key after the hello (RFC 5246 7.4.1.3, RFC 4279 clauses 2 to 4). */
import { VectorReader } from './vectors.ts';

/** What the server chose; `suite` is the IANA code. */
export interface ServerHello {
  /** 0x0303 is TLS 1.2. */
  readonly version: number;
  readonly suite: number;
}

/** Reads a whole ServerHello with its header. @throws CodecError when it ends early. */
export function decodeServerHello(message: Uint8Array): ServerHello {
  const reader = new VectorReader(message, 'the ServerHello');
  reader.skip(HEADER_OCTETS);
  const version = reader.uint(2);
  reader.skip(RANDOM_OCTETS);
  reader.skip(reader.uint(1));
  return { version, suite: reader.uint(2) };
}

/**
 * The psk_identity of a whole ClientKeyExchange with its header: in all of PSK, DHE_PSK and ECDHE_PSK
 * it comes first. @throws CodecError when it ends early.
 */
export function decodePskIdentity(message: Uint8Array): Uint8Array {
  const reader = new VectorReader(message, 'the ClientKeyExchange');
  reader.skip(HEADER_OCTETS);
  return reader.vector(2);
}

/** The version that a ServerHello of TLS 1.2 shows. */
export const TLS12 = 0x0303;

const HEADER_OCTETS = 4;
const RANDOM_OCTETS = 32;
