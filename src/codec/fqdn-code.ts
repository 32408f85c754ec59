/** NAF and BSF names inside a GPI: a length octet that can stand for the home network (docs/wire.md). */
import { CodecError } from '../errors.ts';
import { bsfFqdnFromImpi, homePublicDomain, parseFqdn, type Fqdn, type Impi } from '../ids.ts';
import { concat, uintBytes, utf8Bytes, view, type ByteReader } from '../lib/bytes.ts';

/**
 * One octet, then text. Octet: bit 7 "followed by the subscriber's home
 * `.mncX.mccY.pub.3gppnetwork.org`" (TS 23.003 16.2), bits 6-0 the length of the text.
 */
export function encodeFqdn(name: Fqdn, impi: Impi): Uint8Array {
  const home = homePublicDomain(impi);
  const atHome = isAtHome(name, home);
  const text = atHome ? name.slice(0, -home.length) : name;
  return concat(uintBytes((atHome ? AT_HOME : 0) | text.length, 1), utf8Bytes(text));
}

/** @throws CodecError unless the octets are what `encodeFqdn` makes of a name. */
export function decodeFqdn(reader: ByteReader, impi: Impi): Fqdn {
  return decodeText(reader.uint(1), reader, impi);
}

/** The octet 0 for the name that TS 23.003 16.2 gives for the IMPI, else as `encodeFqdn`. */
export function encodeBsfFqdn(name: Fqdn, impi: Impi): Uint8Array {
  return name === bsfFqdnFromImpi(impi) ? uintBytes(FROM_IMPI, 1) : encodeFqdn(name, impi);
}

/** @throws CodecError unless the octets are what `encodeBsfFqdn` makes of a name. */
export function decodeBsfFqdn(reader: ByteReader, impi: Impi): Fqdn {
  const code = reader.uint(1);
  const usual = bsfFqdnFromImpi(impi);
  if (code === FROM_IMPI) return usual;
  const name = decodeText(code, reader, impi);
  if (name === usual) throw malformed('the BSF name follows from the IMPI and must be coded as 00');
  return name;
}

function decodeText(code: number, reader: ByteReader, impi: Impi): Fqdn {
  const text = view(reader.take(code & LENGTH)).toString('latin1');
  const codedAtHome = (code & AT_HOME) !== 0;
  const home = homePublicDomain(impi);
  if (codedAtHome && home === undefined) {
    throw malformed('the IMPI has no home network that bit 7 could mean');
  }
  const written = codedAtHome ? text + (home ?? '') : text;
  const name = parseFqdn(written);
  if (name !== written || isAtHome(name, home) !== codedAtHome) {
    throw malformed('a name in a GPI is lower case, and a home name has bit 7 set');
  }
  return name;
}

function isAtHome(name: string, home: string | undefined): home is string {
  return home !== undefined && name.endsWith(home) && name.length > home.length;
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_GPI_MALFORMED', rule);
}

const FROM_IMPI = 0;
const AT_HOME = 0x80;
const LENGTH = 0x7f;
