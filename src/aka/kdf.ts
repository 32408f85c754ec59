/** The KDF and the keys of GBA (TS 33.220 Annex B; AUTN* of GBA_U: clause 5.3.2). */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Impi, NafId } from '../ids.ts';
import { concat, EMPTY, requireOctets, utf8Bytes, wipe, writeUint, xor } from '../lib/bytes.ts';
import { hmacSha256 } from '../lib/hmac.ts';

/** What a NAF key is derived from (TS 33.220 B.3). */
export interface NafKeyInput {
  /** CK || IK, 32 octets. */
  readonly ks: Uint8Array;
  /** 16 octets, of the run that gave Ks. */
  readonly rand: Uint8Array;
  readonly impi: Impi;
  readonly nafId: NafId;
}

/** Ks = CK || IK, 32 octets. @throws RangeError unless each has 16. */
export function ksOf(ck: Uint8Array, ik: Uint8Array): Uint8Array {
  requireOctets('CK', ck, 16);
  requireOctets('IK', ik, 16);
  return concat(ck, ik);
}

/**
 * Ks_NAF of GBA_ME, which is also Ks_ext_NAF of GBA_U: 32 octets (TS 33.220 B.3).
 * @throws RangeError unless Ks has 32 octets and RAND 16.
 */
export function deriveKsNaf(input: NafKeyInput): Uint8Array {
  return deriveNafKey(GBA_ME, input);
}

/** Ks_int_NAF of GBA_U: 32 octets (TS 33.220 B.3). @throws RangeError as `deriveKsNaf`. */
export function deriveKsIntNaf(input: NafKeyInput): Uint8Array {
  return deriveNafKey(GBA_U, input);
}

/**
 * HMAC-SHA-256(key, FC || P0 || L0 || P1 || L1 || ...), each L two octets: 32 octets (TS 33.220 B.2).
 * @throws RangeError when FC is no octet, or a parameter is longer than 65,535 octets.
 */
export function kdf(key: Uint8Array, fc: number, ...parameters: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const parameter of parameters) length += parameter.length + 2;
  const s = new Uint8Array(length);
  writeUint(s, 0, fc, 1);
  let at = 1;
  for (const parameter of parameters) {
    s.set(parameter, at);
    at += parameter.length;
    writeUint(s, at, parameter.length, 2);
    at += 2;
  }
  return hmac(sha256, key, s);
}

/**
 * AUTN to AUTN* for a GBA_U card, and back: MAC* = MAC xor SHA-1(IK)[0..7]. 16 octets in and out.
 * The formula is recalled from TS 33.220 5.3.2; the clause itself was not at hand.
 * @throws RangeError unless both arguments have 16 octets.
 */
export function swapAutnStar(autn: Uint8Array, ik: Uint8Array): Uint8Array {
  requireOctets('AUTN', autn, 16);
  requireOctets('IK', ik, 16);
  return concat(autn.subarray(0, 8), xor(autn.subarray(8), sha1(ik).subarray(0, 8)));
}

/** HKDF-SHA-256 with an empty salt (RFC 5869). `octets` is at most 8,160. */
export function hkdfSha256(ikm: Uint8Array, info: Uint8Array, octets: number): Uint8Array {
  const prk = hkdfExtract(ikm);
  const okm = hkdfExpand(prk, info, octets);
  wipe(prk);
  return okm;
}

/** Its first half, for those that make several keys of one: 32 octets, which the caller owns and wipes. */
export function hkdfExtract(ikm: Uint8Array): Uint8Array {
  return hmacSha256(EMPTY, ikm);
}

/** Its second half. */
export function hkdfExpand(prk: Uint8Array, info: Uint8Array, octets: number): Uint8Array {
  const okm = new Uint8Array(octets);
  let block: Uint8Array = EMPTY;
  for (let at = 0; at < octets; at += 32) {
    const next = hmacSha256(prk, block, info, Uint8Array.of(at / 32 + 1));
    wipe(block);
    block = next;
    okm.set(block.subarray(0, octets - at), at);
  }
  wipe(block);
  return okm;
}

function deriveNafKey(label: Uint8Array, { ks, rand, impi, nafId }: NafKeyInput): Uint8Array {
  requireOctets('Ks', ks, 32);
  requireOctets('RAND', rand, 16);
  return kdf(ks, FC_NAF_KEY, label, rand, utf8Bytes(impi), nafId);
}

const FC_NAF_KEY = 0x01;
const GBA_ME = utf8Bytes('gba-me');
const GBA_U = utf8Bytes('gba-u');
