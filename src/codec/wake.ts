/** The wake, type 2 of profile upa-1: it calls a UE that holds a valid key and has no layer open (docs/wire.md). */
import { CodecError } from '../errors.ts';
import {
  ByteReader,
  concat,
  equalSecret,
  octetCount,
  requireOctets,
  uintBytes,
  utf8Bytes,
} from '../lib/bytes.ts';
import { hmacSha256 } from '../lib/hmac.ts';
import type { Endpoint } from './address.ts';
import { decodeConnect, encodeConnect } from './connect-address.ts';

export interface Wake {
  /** 1 to 2^32 - 1; each serves once. It is not on the wire: the hint names it to those who hold the key. */
  readonly counter: number;
  /** Where the UE shall connect from now on; undefined: where it did before. */
  readonly connect: Endpoint | undefined;
}

/** The layout of a wake; nothing in it is to be trusted before `verifyWake`. */
export interface DecodedWake extends Pick<Wake, 'connect'> {
  /** 8 octets: which key and counter it was made with. */
  readonly hint: Uint8Array;
  /** Everything before the MAC. */
  readonly authenticated: Uint8Array;
  /** 8 octets. */
  readonly mac: Uint8Array;
}

/** What the UE looks for: hints of so many counters after the last one that it accepted. */
export const WAKE_WINDOW = 64;
/** The label of K_wake in the TLS exporter (RFC 5705, RFC 8446 7.5); its context is empty. */
export const WAKE_KEY_LABEL = 'EXPORTER-gba-push-wake';
export const WAKE_KEY_OCTETS = 32;

/** True for octets that can only be a wake, whole or not. */
export function isWake(octets: Uint8Array): boolean {
  return octets[0] === HEADER_WAKE;
}

/** Reads the layout, with no key. @throws CodecError ERR_UPA_MALFORMED or ERR_ID_MALFORMED. */
export function decodeWake(octets: Uint8Array): DecodedWake {
  const reader = new ByteReader(octets, short);
  if (reader.uint(1) !== HEADER_WAKE) throw malformed('octet 0 is 0x12 for a wake');
  const hint = reader.take(HINT_OCTETS);
  const connect = decodeConnect(reader.take(reader.uint(1)));
  const authenticated = octets.slice(0, reader.offset);
  const mac = reader.take(MAC_OCTETS);
  if (reader.left > 0) throw malformed(`${octetCount(reader.left)} too many after the MAC`);
  return { hint, connect, authenticated, mac };
}

/**
 * Makes a wake. `key` is K_wake, 32 octets.
 * @throws RangeError for a key or counter of another size, CodecError for an address that nobody can connect to.
 */
export function sealWake({ counter, connect }: Wake, key: Uint8Array): Uint8Array {
  const address = encodeConnect(connect);
  const authenticated = concat(
    uintBytes(HEADER_WAKE, 1),
    wakeHint(key, counter),
    uintBytes(address.length, 1),
    address,
  );
  return concat(authenticated, macOf(authenticated, key));
}

/** @throws CodecError ERR_UPA_MAC unless an end that has this K_wake made the wake. */
export function verifyWake({ authenticated, mac }: DecodedWake, key: Uint8Array): void {
  if (!equalSecret(macOf(authenticated, key), mac)) {
    throw new CodecError('ERR_UPA_MAC', 'the wake was not made by the NAF that its hint names');
  }
}

/** What names K_wake and counter to whoever holds the key, and nothing to others: 8 octets. @throws RangeError. */
export function wakeHint(key: Uint8Array, counter: number): Uint8Array {
  requireOctets('K_wake', key, WAKE_KEY_OCTETS);
  if (!Number.isInteger(counter) || counter < 1 || counter > 0xffff_ffff) {
    throw new RangeError(`a counter is 1 to 4294967295, not ${counter}`);
  }
  return hmacSha256(key, HINT_LABEL, uintBytes(counter, 4)).subarray(0, HINT_OCTETS);
}

function macOf(authenticated: Uint8Array, key: Uint8Array): Uint8Array {
  return hmacSha256(key, MAC_LABEL, authenticated).subarray(0, MAC_OCTETS);
}

function short(wanted: number, left: number): CodecError {
  return malformed(`the wake ends ${octetCount(wanted - left)} early`);
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}

/** Version 1, type 2. */
const HEADER_WAKE = 0x12;
const HINT_OCTETS = 8;
const MAC_OCTETS = 8;
/** No input of one label is an input of the other. */
const HINT_LABEL = utf8Bytes('id');
const MAC_LABEL = utf8Bytes('mac');
