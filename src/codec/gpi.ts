/** GBA-PUSH-INFO in the project's own layout, profile gpi-1 (docs/wire.md; content: TS 33.223 3.1). */
import { createCipheriv } from 'node:crypto';
import { hkdfExpand, hkdfExtract } from '../aka/kdf.ts';
import { CodecError } from '../errors.ts';
import {
  bindingOf,
  nafIdOf,
  P_TID_OCTETS,
  parseFqdn,
  parsePTid,
  parseUaSecurityProtocolId,
  pTidOf,
  type Fqdn,
  type Impi,
  type NafId,
  type PTid,
  type UaSecurityProtocolId,
} from '../ids.ts';
import {
  ByteReader,
  concat,
  EMPTY,
  equalSecret,
  fromHex,
  octetCount,
  requireOctets,
  toHex,
  uintBytes,
  utf8Bytes,
  wipe,
} from '../lib/bytes.ts';
import { hmacSha256 } from '../lib/hmac.ts';
import { decodeBsfFqdn, decodeFqdn, encodeBsfFqdn, encodeFqdn } from './fqdn-code.ts';

/** How the NAF key is used; it follows from the Ua security protocol id. */
export type GpiMethod = 'psk-tls' | 'oscore' | 'dm';

/** The layout of a GPI, before any key is known. Nothing in it is to be trusted yet. */
export interface DecodedGpi {
  readonly method: GpiMethod;
  /** True for GBA_U: AUTN is AUTN*, and the keys are derived on the UICC. */
  readonly gbaU: boolean;
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** 16 octets: AUTN, or AUTN* in GBA_U. */
  readonly autn: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** 16 octets. */
  readonly mac: Uint8Array;
}

/** What a GPI says. */
export interface GbaPushInfo {
  readonly gbaU: boolean;
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** 16 octets: AUTN, or AUTN* in GBA_U. */
  readonly autn: Uint8Array;
  /** From the sealing on; the UE counts it from acceptance. Below 2^32. */
  readonly lifetimeSeconds: number;
  /** Epoch ms by the BSF's clock; whole seconds travel. */
  readonly expiresAt: number;
  readonly uaId: UaSecurityProtocolId;
  readonly pTid: PTid;
  readonly bsfFqdn: Fqdn;
  readonly nafFqdn: Fqdn;
}

/** What seals a GPI and opens it again. */
export interface GpiSeal {
  /** K_gpi: the NAF key of `GPI_NAF_ID`, 32 octets. */
  readonly key: Uint8Array;
  /** The subscriber; the names in the GPI are coded relative to its home network. */
  readonly impi: Impi;
}

/** The reserved NAF_Id of K_gpi: no NAF can ask for it (experimental organisation FF, TS 33.220 H.2). */
export const GPI_NAF_ID: NafId = nafIdOf(
  parseFqdn('gpi.gba-push.invalid'),
  parseUaSecurityProtocolId('ff00000001'),
);

/** The longest GPI: its length is one octet of the envelope. */
export const GPI_MAX_OCTETS = 255;

/** The method of a Ua security protocol id; undefined for an id that a GPI cannot be made for. */
export function methodOf(uaId: UaSecurityProtocolId): GpiMethod | undefined {
  if (bindingOf(uaId) !== undefined) return 'psk-tls';
  return EXPERIMENTAL_METHODS.get(uaId);
}

/**
 * Reads the layout, with no key.
 * @throws CodecError ERR_GPI_PROFILE for another version or method, ERR_GPI_MALFORMED for another length.
 */
export function decodeGpi(octets: Uint8Array): DecodedGpi {
  if (octets.length < MIN_OCTETS || octets.length > GPI_MAX_OCTETS) {
    throw malformed(
      `a GPI has ${MIN_OCTETS} to ${GPI_MAX_OCTETS} octets, this one ${octets.length}`,
    );
  }
  const reader = new ByteReader(octets, short);
  const header = reader.uint(1);
  if (header >> 4 !== VERSION) throw unsupported(`profile version ${header >> 4}`);
  const method = METHODS.find(([, bits]) => bits === (header & METHOD_BITS))?.[0];
  if (method === undefined) throw unsupported(`method ${header & METHOD_BITS}`);
  return {
    method,
    gbaU: (header & GBA_U) !== 0,
    rand: reader.take(16),
    autn: reader.take(16),
    ciphertext: reader.take(reader.left - MAC_OCTETS),
    mac: reader.rest(),
  };
}

/**
 * Encrypts and authenticates a GPI. To be called once for each vector: the key belongs to the vector,
 * which is why the counter block may start at zero; a second GPI would repeat the key stream.
 * @throws CodecError ERR_GPI_PROFILE when the Ua id has no method, ERR_GPI_MALFORMED when the names do
 * not fit, RangeError for a field that is out of its range.
 */
export function sealGpi(info: GbaPushInfo, { key, impi }: GpiSeal): Uint8Array {
  requireOctets('RAND', info.rand, 16);
  requireOctets('AUTN', info.autn, 16);
  const method = methodOf(info.uaId);
  if (method === undefined) throw unsupported(`Ua security protocol id ${info.uaId}`);
  const plaintext = concat(
    uintBytes(info.lifetimeSeconds, 4),
    uintBytes(Math.floor(info.expiresAt / 1_000), 4),
    fromHex(info.uaId),
    parsePTid(info.pTid).octets,
    encodeBsfFqdn(info.bsfFqdn, impi),
    encodeFqdn(info.nafFqdn, impi),
  );
  const prk = hkdfExtract(key);
  const ciphertext = applyKeyStream(plaintext, prk);
  const sealed = { method, gbaU: info.gbaU, rand: info.rand, autn: info.autn, ciphertext };
  const gpi = concat(...authenticatedParts(sealed), macOf(sealed, prk));
  wipe(prk);
  if (gpi.length > GPI_MAX_OCTETS) throw malformed('the NAF and BSF names are too long for a GPI');
  return gpi;
}

/**
 * Verifies the MAC, then decrypts and reads.
 * @throws CodecError ERR_GPI_MAC, or ERR_GPI_MALFORMED or ERR_ID_MALFORMED when the MAC holds over
 * something that `sealGpi` does not make.
 */
export function openGpi(gpi: DecodedGpi, { key, impi }: GpiSeal): GbaPushInfo {
  const prk = hkdfExtract(key);
  const isGenuine = equalSecret(macOf(gpi, prk), gpi.mac);
  const plaintext = isGenuine ? applyKeyStream(gpi.ciphertext, prk) : EMPTY;
  wipe(prk);
  if (!isGenuine) {
    throw new CodecError('ERR_GPI_MAC', 'the GPI was not sealed for this SIM and vector');
  }
  const reader = new ByteReader(plaintext, short);
  const info = {
    gbaU: gpi.gbaU,
    rand: gpi.rand,
    autn: gpi.autn,
    lifetimeSeconds: reader.uint(4),
    expiresAt: reader.uint(4) * 1_000,
    uaId: parseUaSecurityProtocolId(toHex(reader.take(5))),
    pTid: pTidOf(reader.take(P_TID_OCTETS)),
    bsfFqdn: decodeBsfFqdn(reader, impi),
    nafFqdn: decodeFqdn(reader, impi),
  };
  if (reader.left > 0) throw malformed(`${octetCount(reader.left)} too many after the NAF name`);
  if (methodOf(info.uaId) !== gpi.method) {
    throw malformed(`Ua security protocol id ${info.uaId} is not of method ${gpi.method}`);
  }
  return info;
}

/** AES-128-CTR from counter 0: encryption and decryption alike. `prk` is what HKDF extracts of K_gpi. */
function applyKeyStream(octets: Uint8Array, prk: Uint8Array): Uint8Array {
  const encryptionKey = hkdfExpand(prk, ENCRYPTION_LABEL, 16);
  const cipher = createCipheriv('aes-128-ctr', encryptionKey, ZERO_COUNTER);
  wipe(encryptionKey);
  return Uint8Array.from(cipher.update(octets));
}

/** HMAC-SHA-256 over everything before the MAC, leftmost 16 octets. */
function macOf(gpi: Omit<DecodedGpi, 'mac'>, prk: Uint8Array): Uint8Array {
  const macKey = hkdfExpand(prk, MAC_LABEL, 32);
  const mac = hmacSha256(macKey, ...authenticatedParts(gpi));
  wipe(macKey);
  return mac.subarray(0, MAC_OCTETS);
}

function authenticatedParts(gpi: Omit<DecodedGpi, 'mac'>): Uint8Array[] {
  const bits = METHODS.find(([name]) => name === gpi.method)?.[1] ?? 0;
  const header = (VERSION << 4) | (gpi.gbaU ? GBA_U : 0) | bits;
  return [Uint8Array.of(header), gpi.rand, gpi.autn, gpi.ciphertext];
}

function short(wanted: number, left: number): CodecError {
  return malformed(`the GPI ends ${octetCount(wanted - left)} early`);
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_GPI_MALFORMED', rule);
}

function unsupported(what: string): CodecError {
  return new CodecError('ERR_GPI_PROFILE', `profile gpi-1 has no ${what}`);
}

const VERSION = 1;
const GBA_U = 0b1000;
const METHOD_BITS = 0b0111;
const METHODS: readonly (readonly [GpiMethod, number])[] = [
  ['psk-tls', 0b001],
  ['oscore', 0b010],
  ['dm', 0b011],
];
const EXPERIMENTAL_METHODS: ReadonlyMap<string, GpiMethod> = new Map([
  ['ff00000002', 'oscore'],
  ['ff00000003', 'dm'],
]);
const MAC_OCTETS = 16;
const ZERO_COUNTER = new Uint8Array(16);
/** Header, RAND, AUTN; lifetime, expiry, Ua id, P-TID, BSF code 00, a NAF name of one octet; MAC. */
const MIN_OCTETS = 33 + 25 + 1 + 2 + MAC_OCTETS;
const MAC_LABEL = utf8Bytes('gba-push gpi-1 mac');
const ENCRYPTION_LABEL = utf8Bytes('gba-push gpi-1 enc');
