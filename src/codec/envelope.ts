/** The Upa envelope, profile upa-1: what the NAF adds around a GPI (docs/wire.md; Upa: TS 24.109 A1.3). */
import { hkdfSha256 } from '../aka/kdf.ts';
import { CodecError } from '../errors.ts';
import {
  ByteReader,
  concat,
  equalSecret,
  octetCount,
  toHex,
  uintBytes,
  utf8Bytes,
  wipe,
} from '../lib/bytes.ts';
import { hmacSha256 } from '../lib/hmac.ts';
import type { Endpoint } from './address.ts';
import { decodeConnect, encodeConnect } from './connect-address.ts';

export interface Envelope {
  /** 1 to 65,535; tells sessions apart that the NAF starts with one UE. */
  readonly sessionId: number;
  /** Where the UE shall connect, port 1 to 65,535; undefined: the NAF FQDN's own address, port 5684. */
  readonly connect: Endpoint | undefined;
  /** 1 to 255 octets. */
  readonly gpi: Uint8Array;
}

/** The layout of an envelope; nothing outside the GPI is to be trusted before `verifyEnvelope`. */
export interface DecodedEnvelope extends Envelope {
  /** Everything before the MAC. */
  readonly authenticated: Uint8Array;
  /** 8 octets. */
  readonly mac: Uint8Array;
}

/** Reads the layout, with no key. @throws CodecError ERR_UPA_MALFORMED. */
export function decodeEnvelope(octets: Uint8Array): DecodedEnvelope {
  const reader = new ByteReader(octets, short);
  const header = reader.uint(1);
  if (header !== HEADER_GPI)
    throw malformed(`octet 0 is ${hex(HEADER_GPI)} for a GPI, not ${hex(header)}`);
  const sessionId = reader.uint(2);
  if (sessionId === 0) throw malformed('a session id is 1 to 65535');
  const connect = decodeConnect(reader.take(reader.uint(1)));
  const gpi = reader.take(reader.uint(1));
  if (gpi.length === 0) throw malformed('the envelope holds no GPI');
  const authenticated = octets.slice(0, reader.offset);
  const mac = reader.take(MAC_OCTETS);
  if (reader.left > 0) throw malformed(`${octetCount(reader.left)} too many after the MAC`);
  return { sessionId, connect, gpi, authenticated, mac };
}

/**
 * Wraps a GPI. `ksNaf` is the NAF key that the GPI leads to, 32 octets.
 * @throws CodecError ERR_UPA_MALFORMED or ERR_ID_MALFORMED for a field that does not fit.
 */
export function sealEnvelope(envelope: Envelope, ksNaf: Uint8Array): Uint8Array {
  const { sessionId, connect, gpi } = envelope;
  if (!isUint16(sessionId)) throw malformed('a session id is 1 to 65535');
  if (gpi.length < 1 || gpi.length > 255) throw malformed('a GPI is 1 to 255 octets');
  const address = encodeConnect(connect);
  const authenticated = concat(
    uintBytes(HEADER_GPI, 1),
    uintBytes(sessionId, 2),
    uintBytes(address.length, 1),
    address,
    uintBytes(gpi.length, 1),
    gpi,
  );
  return concat(authenticated, macOf(authenticated, ksNaf));
}

/** @throws CodecError ERR_UPA_MAC unless the NAF that has this `ksNaf` made the envelope. */
export function verifyEnvelope(envelope: DecodedEnvelope, ksNaf: Uint8Array): void {
  if (!equalSecret(macOf(envelope.authenticated, ksNaf), envelope.mac)) {
    throw new CodecError('ERR_UPA_MAC', 'the envelope was not made by the NAF of this GPI');
  }
}

function macOf(authenticated: Uint8Array, ksNaf: Uint8Array): Uint8Array {
  const macKey = hkdfSha256(ksNaf, MAC_LABEL, 32);
  const mac = hmacSha256(macKey, authenticated);
  wipe(macKey);
  return mac.subarray(0, MAC_OCTETS);
}

function isUint16(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

function hex(octet: number): string {
  return `0x${toHex(uintBytes(octet, 1))}`;
}

function short(wanted: number, left: number): CodecError {
  return malformed(`the envelope ends ${octetCount(wanted - left)} early`);
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}

/** Version 1 in bits 7-4, type 1 in bits 3-0; types 2 (wake) and 3 (AUTS) are reserved. */
const HEADER_GPI = 0x11;
const MAC_OCTETS = 8;
const MAC_LABEL = utf8Bytes('gba-push upa-1 mac');
