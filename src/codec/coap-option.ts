/** CoAP options: numbers, making them, and what the octets of one mean (RFC 7252 3.1, 3.2, 5.10; RFC 8323 5). */
import { CodecError } from '../errors.ts';
import { EMPTY, utf8Bytes, utf8Text, view } from '../lib/bytes.ts';

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

/** The first option of that number; `options` are in ascending order. */
export function findOption(options: readonly CoapOption[], number: number): CoapOption | undefined {
  for (const option of options) {
    if (option.number >= number) return option.number === number ? option : undefined;
  }
  return undefined;
}

/** @throws CodecError ERR_COAP_MALFORMED beyond 4 octets. Leading zeros are allowed (RFC 7252 3.2). */
export function uintValue(option: CoapOption): number {
  const { octets, start, end } = spanOf(option);
  if (end - start > 4) malformed(`option ${option.number} is an integer of at most 4 octets`);
  let result = 0;
  for (let at = start; at < end; at++) result = result * 256 + (octets[at] ?? 0);
  return result;
}

/** @throws CodecError ERR_COAP_MALFORMED unless it is UTF-8. */
export function stringValue(option: CoapOption): string {
  const { octets, start, end } = spanOf(option);
  return (
    asciiText(octets, start, end) ??
    utf8Text(option.value) ??
    malformed(`option ${option.number} is UTF-8 text`)
  );
}

/** True when the value is exactly this ASCII text. */
export function isText(option: CoapOption, text: string): boolean {
  const { octets, start, end } = spanOf(option);
  return end - start === text.length && startsWith(octets, start, text);
}

/** True for a Uri-Query `key=`, whatever follows. */
export function hasKey(option: CoapOption, key: string): boolean {
  const { octets, start, end } = spanOf(option);
  const at = start + key.length;
  return at < end && octets[at] === 0x3d && startsWith(octets, start, key);
}

/** The digits after `key=` in a Uri-Query that has this key; NaN when no whole number follows. */
export function numberAfter(option: CoapOption, key: string): number {
  const { octets, start, end } = spanOf(option);
  const digits = start + key.length + 1;
  if (digits === end || end - digits > MAX_DIGITS) return NaN;
  let value = 0;
  for (let at = digits; at < end; at++) {
    const digit = (octets[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Undefined for a value of more than `most` octets, which says nothing (RFC 7252 5.4.3). */
export function uintWithin(option: CoapOption, most: number): number | undefined {
  return lengthOf(option) <= most ? uintValue(option) : undefined;
}

/**
 * The integer of the first option of that number. One of more than `most` octets is as if it were not
 * there, as is any after the first (RFC 7252 5.4.3, 5.4.5).
 */
export function findUint(
  options: readonly CoapOption[],
  number: number,
  most = 4,
): number | undefined {
  const option = findOption(options, number);
  return option && uintWithin(option, most);
}

/** The Uri-Path segments; none for the root. @throws CodecError ERR_COAP_MALFORMED unless all are UTF-8. */
export function pathSegments(options: readonly CoapOption[]): string[] {
  return options.filter(({ number }) => number === OPTION.URI_PATH).map(stringValue);
}

/** The value of the first Uri-Query `key=value`; `''` for a bare `key`. @throws CodecError ERR_COAP_MALFORMED. */
export function findQuery(options: readonly CoapOption[], key: string): string | undefined {
  for (const option of options) {
    if (option.number !== OPTION.URI_QUERY) continue;
    const text = stringValue(option);
    if (text === key) return '';
    if (text.startsWith(`${key}=`)) return text.slice(key.length + 1);
  }
  return undefined;
}

/** RFC 7252 5.4.6. */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/**
 * The first critical option that is not in `known`: a request that has one is answered 4.02. So is one that
 * is longer or shorter than it may be, or comes more often (RFC 7252 5.4.1, 5.4.3, 5.4.5).
 */
export function unrecognisedCritical(
  options: readonly CoapOption[],
  known: ReadonlySet<number>,
): number | undefined {
  let last = 0;
  for (const option of options) {
    const { number } = option;
    if (isCritical(number) && !(known.has(number) && isWellFormed(option, last))) return number;
    last = number;
  }
  return undefined;
}

function isWellFormed(option: CoapOption, last: number): boolean {
  const form = FORMS.get(option.number);
  if (form === undefined) return true;
  const { least, most, repeats } = form;
  const length = lengthOf(option);
  return length >= least && length <= most && (repeats || option.number !== last);
}

/** Where an option's octets are: in the middle of the frame that it came in, unless it was made here. */
function spanOf(option: CoapOption): Pick<ReceivedOption, 'octets' | 'start' | 'end'> {
  if (option instanceof ReceivedOption) return option;
  return { octets: option.value, start: 0, end: option.value.length };
}

function lengthOf(option: CoapOption): number {
  const { start, end } = spanOf(option);
  return end - start;
}

function startsWith(octets: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (octets[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Undefined when it is not ASCII. */
function asciiText(octets: Uint8Array, start: number, end: number): string | undefined {
  for (let at = start; at < end; at++) if ((octets[at] ?? 0) > 0x7f) return undefined;
  return view(octets).toString('latin1', start, end);
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

/** Lengths of critical options in octets, and whether one may come more than once (RFC 7252 5.10). */
const FORMS: ReadonlyMap<number, { least: number; most: number; repeats: boolean }> = new Map([
  [OPTION.URI_HOST, { least: 1, most: 255, repeats: false }],
  [OPTION.URI_PORT, { least: 0, most: 2, repeats: false }],
  [OPTION.URI_PATH, { least: 0, most: 255, repeats: true }],
  [OPTION.URI_QUERY, { least: 0, most: 255, repeats: true }],
  [OPTION.ACCEPT, { least: 0, most: 2, repeats: false }],
]);

/** As many as any double holds exactly. */
const MAX_DIGITS = 15;

function malformed(rule: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', rule);
}
