/** CoAP options: what they are, their numbers, and making them (RFC 7252 3.1, 3.2, 12.2; RFC 8323 5). What they say: option-values.ts. */
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';

export interface CoapOption {
  /** 0 to 65,535. Odd numbers are critical, even ones elective (RFC 7252 5.4.1). */
  readonly number: number;
  readonly value: Uint8Array;
}

/** An option to be sent: ASCII text may stay text, which is encoded without a copy. */
export interface OutgoingOption {
  readonly number: number;
  readonly value: Uint8Array | string;
}

/** Options that write themselves, for a message so frequent that no list is made of them. */
export interface OptionWriter {
  /** How many octets they are. */
  readonly octets: number;
  /** Writes them in ascending order of their numbers; returns the offset after their last octet. */
  writeInto(buffer: Uint8Array, offset: number): number;
}

/** An option of a message that came: its octets lie in the frame, and are viewed only when somebody asks. */
export class ReceivedOption implements CoapOption {
  number: number;
  octets: Uint8Array;
  start: number;
  end: number;

  constructor(number: number, octets: Uint8Array, start: number, end: number) {
    this.number = number;
    this.octets = octets;
    this.start = start;
    this.end = end;
  }

  /** A view. */
  get value(): Uint8Array {
    return viewOf(this.octets, this.start, this.end);
  }
}

/** What every message without options shares. */
export const NO_OPTIONS: readonly CoapOption[] = Object.freeze([]);

/** Option numbers of requests and responses (RFC 7252 12.2, 7641, 7959, 9175). */
export const OPTION = {
  IF_MATCH: 1,
  URI_HOST: 3,
  ETAG: 4,
  IF_NONE_MATCH: 5,
  OBSERVE: 6,
  URI_PORT: 7,
  LOCATION_PATH: 8,
  URI_PATH: 11,
  CONTENT_FORMAT: 12,
  MAX_AGE: 14,
  URI_QUERY: 15,
  ACCEPT: 17,
  LOCATION_QUERY: 20,
  BLOCK2: 23,
  BLOCK1: 27,
  SIZE2: 28,
  PROXY_URI: 35,
  PROXY_SCHEME: 39,
  SIZE1: 60,
  ECHO: 252,
  REQUEST_TAG: 292,
} as const;

/** Option numbers of signals; each code has a space of its own (RFC 8323 11.2). */
export const SIGNAL_OPTION = {
  CSM_MAX_MESSAGE_SIZE: 2,
  CSM_BLOCK_WISE_TRANSFER: 4,
  PING_CUSTODY: 2,
  RELEASE_ALTERNATIVE_ADDRESS: 2,
  RELEASE_HOLD_OFF: 4,
  ABORT_BAD_CSM_OPTION: 2,
} as const;

/** An unsigned integer in as few octets as it needs; 0 needs none (RFC 7252 3.2). @throws RangeError beyond 32 bits. */
export function uintOption(number: number, value: number): CoapOption {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`option ${number} takes an integer from 0 to 4294967295, not ${value}`);
  }
  const octets = value === 0 ? 0 : Math.ceil((32 - Math.clz32(value)) / 8);
  const out = new Uint8Array(octets);
  for (let i = 0; i < octets; i++) out[i] = value >>> (8 * (octets - 1 - i));
  return { number, value: out };
}

export function stringOption(number: number, text: string): CoapOption {
  return { number, value: asciiBytes(text) ?? utf8Bytes(text) };
}

/** An option whose presence is all it says. */
export function emptyOption(number: number): CoapOption {
  return { number, value: EMPTY };
}

/** One Uri-Path option per segment (RFC 7252 6.4): `pathOptions('push', id)`. */
export function pathOptions(...segments: readonly string[]): CoapOption[] {
  return segments.map((segment) => stringOption(OPTION.URI_PATH, segment));
}

/** One Uri-Query option: `u=3`. */
export function queryOption(key: string, value: string | number): CoapOption {
  return stringOption(OPTION.URI_QUERY, `${key}=${value}`);
}

/** Ascending by number; options of one number keep their order. */
export function sortOptions(options: readonly CoapOption[]): CoapOption[] {
  return options.toSorted((a, b) => a.number - b.number);
}

/** Short ASCII text several times faster than a TextEncoder; undefined when it is not ASCII. */
function asciiBytes(text: string): Uint8Array | undefined {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return undefined;
    out[i] = unit;
  }
  return out;
}

/** A part of `octets`, which it keeps alive; no copy. */
export function viewOf(octets: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return EMPTY;
  return new Uint8Array(octets.buffer, octets.byteOffset + start, end - start);
}
