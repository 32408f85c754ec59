/** What options of a message say: their values, those that are looked for, and the critical ones (RFC 7252 3.2, 5.4, 5.10). */
import { CodecError } from '../errors.ts';
import { utf8Text, view } from '../lib/bytes.ts';
import { OPTION, ReceivedOption, type CoapOption } from './coap-option.ts';

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

/** Lengths of critical options in octets, and whether one may come more than once (RFC 7252 5.10, 7959 2.1). */
const FORMS: ReadonlyMap<number, { least: number; most: number; repeats: boolean }> = new Map([
  [OPTION.URI_HOST, { least: 1, most: 255, repeats: false }],
  [OPTION.URI_PORT, { least: 0, most: 2, repeats: false }],
  [OPTION.URI_PATH, { least: 0, most: 255, repeats: true }],
  [OPTION.URI_QUERY, { least: 0, most: 255, repeats: true }],
  [OPTION.ACCEPT, { least: 0, most: 2, repeats: false }],
  [OPTION.BLOCK2, { least: 0, most: 3, repeats: false }],
  [OPTION.BLOCK1, { least: 0, most: 3, repeats: false }],
]);

/** As many as any double holds exactly. */
const MAX_DIGITS = 15;

function malformed(rule: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', rule);
}
