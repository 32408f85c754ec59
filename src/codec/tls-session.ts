/** The session id inside a TLS 1.2 session as OpenSSL writes it: SSL_SESSION, ASN.1 DER (RFC 5246 7.4.1.2). */
import { CodecError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';
import { FieldReader } from './fields.ts';

/** The id in hex, 1 to 32 octets; undefined for a session of another version and for other octets. */
export function tls12SessionId(session: Uint8Array): string | undefined {
  try {
    const fields = element(new FieldReader(session, SOURCE), SEQUENCE);
    const structure = toHex(element(fields, INTEGER).rest('structure version'));
    const version = toHex(element(fields, INTEGER).rest('protocol version'));
    element(fields, OCTET_STRING);
    const id = element(fields, OCTET_STRING).rest('session id');
    const isOurs = structure === '01' && version === TLS12;
    return isOurs && id.length >= 1 && id.length <= 32 ? toHex(id) : undefined;
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

/** The content of the next element, which must have that tag. */
function element(reader: FieldReader, tag: number): FieldReader {
  if (reader.uint('tag') !== tag) throw reader.malformed('another field was expected');
  const short = reader.uint('length');
  if (short < 0x80) return reader.part('content', short);
  const octets = short - 0x80;
  if (octets !== 1 && octets !== 2)
    throw reader.malformed('a length of 1 to 3 octets was expected');
  return reader.part('content', reader.uint('length', octets));
}

const SOURCE = { code: 'ERR_CHANNEL_PROTOCOL', what: 'the TLS session' } as const;
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const TLS12 = '0303';
