/** Blocks of a body that is longer than a message (RFC 7959 2.2; RFC 8323 6: BERT). */
import { CodecError } from '../errors.ts';
import { uintOption, type CoapOption } from './coap-option.ts';
import { uintValue } from './option-values.ts';

/** Which part of a body a message has: the value of a Block1 or Block2 option. */
export interface Block {
  /** Counted from 0, in blocks of this size; with BERT in those of 1,024 octets. */
  readonly number: number;
  /** Others follow. */
  readonly more: boolean;
  /** The size is 2 to the power of this and 4, octets; `BERT` is any multiple of 1,024. */
  readonly exponent: number;
}

/** The exponent that says: as many blocks of 1,024 octets as the message has. */
export const BERT = 7;
/** The exponent of 1,024 octets, the largest block of one message without BERT. */
export const LARGEST_BLOCK = 6;
/** A block's number has 20 bits. */
const MAX_NUMBER = 0xf_ffff;

/** Octets by which the block's number counts. */
export function unitOf(exponent: number): number {
  return 16 << Math.min(exponent, LARGEST_BLOCK);
}

/** Where in the body the block begins, octets. */
export function offsetOf({ number, exponent }: Block): number {
  return number * unitOf(exponent);
}

/** `option` is Block1 or Block2. @throws RangeError for a number of more than 20 bits. */
export function blockOption(option: number, { number, more, exponent }: Block): CoapOption {
  if (number > MAX_NUMBER) throw new RangeError('a body has at most 1,048,576 blocks');
  return uintOption(option, number * 16 + (more ? 8 : 0) + exponent);
}

/** @throws CodecError ERR_COAP_MALFORMED beyond 3 octets. */
export function readBlock(option: CoapOption): Block {
  const value = uintValue(option);
  if (value > 0xff_ffff) {
    throw new CodecError('ERR_COAP_MALFORMED', `option ${option.number} has at most 3 octets`);
  }
  return { number: value >>> 4, more: (value & 8) !== 0, exponent: value & 7 };
}

/**
 * True when a block of that size may have so many octets: all but the last are whole, the last may be
 * shorter (RFC 7959 2.2).
 */
export function isWhole({ more, exponent }: Block, octets: number): boolean {
  const unit = unitOf(exponent);
  if (exponent === BERT) return !more || (octets > 0 && octets % unit === 0);
  return more ? octets === unit : octets <= unit;
}

/** What of a body such a block has, at most `most` octets with BERT. Others follow unless it is the last. */
export function blockAt(
  body: Uint8Array,
  offset: number,
  { exponent, most }: { readonly exponent: number; readonly most: number },
): { readonly block: Block; readonly payload: Uint8Array } {
  const unit = unitOf(exponent);
  const size = exponent === BERT ? Math.max(unit, most - (most % unit)) : unit;
  const payload = body.subarray(offset, offset + size);
  const more = offset + size < body.length;
  return { block: { number: Math.floor(offset / unit), more, exponent }, payload };
}
