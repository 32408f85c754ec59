/** Writing CoAP messages for a byte stream: the framing of CoAP over TCP and TLS (RFC 8323 3.2). */
import { EMPTY } from '../lib/bytes.ts';
import type { OutgoingMessage } from './coap.ts';
import type { OutgoingOption } from './coap-option.ts';

/** Octets that `encodeInto` writes for this message. */
export function encodedLength(message: OutgoingMessage): number {
  const body = bodyLength(message);
  return 2 + extensionOctets(body) + message.token.length + body;
}

/**
 * Writes the message into `buffer` and returns the offset after its last octet. `length` is what
 * `encodedLength` says of it.
 * @throws RangeError when the buffer is too short, the token is longer than 8 octets, the code is not
 * one octet, a text value is not ASCII, or the options are not in ascending order (`sortOptions` does that).
 */
export function encodeInto(
  message: OutgoingMessage,
  buffer: Uint8Array,
  offset: number,
  length = encodedLength(message),
): number {
  const { code, token, options, payload } = message;
  const end = offset + length;
  if (end > buffer.length) throw new RangeError(`the message ends at ${end} of ${buffer.length}`);
  if (token.length > MAX_TOKEN) throw new RangeError('a token is at most 8 octets');
  if (code >>> 8 !== 0) throw new RangeError(`a code is one octet, not ${code}`);

  let at = putLength(buffer, offset, length, token.length);
  buffer[at++] = code;
  at = putOctets(buffer, at, token);
  at = isList(options) ? putOptions(buffer, at, options) : options.writeInto(buffer, at);
  if (payload.length > 0) {
    buffer[at++] = PAYLOAD_MARKER;
    buffer.set(payload, at);
  }
  return end;
}

/** The message in a buffer of its own. @throws RangeError as `encodeInto` does. */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  const out = new Uint8Array(encodedLength(message));
  encodeInto(message, out, 0);
  return out;
}

/** What the frame's length field counts: options, marker, payload. */
function bodyLength({ options, payload }: OutgoingMessage): number {
  const rest = payload.length === 0 ? 0 : 1 + payload.length;
  return rest + (isList(options) ? optionsLength(options) : options.octets);
}

function isList(options: OutgoingMessage['options']): options is readonly OutgoingOption[] {
  return Array.isArray(options);
}

/** By index, as below: the iterator of an array makes an object for each option. */
function optionsLength(options: readonly OutgoingOption[]): number {
  let length = 0;
  let previous = 0;
  for (let i = 0; i < options.length; i++) {
    const { number, value } = options[i] ?? NO_OPTION;
    length += optionHeadLength(number - previous, value.length) + value.length;
    previous = number;
  }
  return length;
}

function putOptions(
  buffer: Uint8Array,
  offset: number,
  options: readonly OutgoingOption[],
): number {
  let at = offset;
  let previous = 0;
  for (let i = 0; i < options.length; i++) {
    const { number, value } = options[i] ?? NO_OPTION;
    const delta = number - previous;
    if (delta < 0 || number > MAX_OPTION_NUMBER) {
      throw new RangeError(`option ${number} after ${previous}: sort the options`);
    }
    if (value.length > MAX_OPTION_VALUE) throw new RangeError(`option ${number} is too long`);
    at = putOptionHead(buffer, at, delta, value.length);
    at = typeof value === 'string' ? putText(buffer, at, value) : putOctets(buffer, at, value);
    previous = number;
  }
  return at;
}

const NO_OPTION: OutgoingOption = { number: 0, value: EMPTY };

/** Octets before the value of an option whose number is `delta` more than that before. */
export function optionHeadLength(delta: number, length: number): number {
  return 1 + extensionLength(delta) + extensionLength(length);
}

export function putOptionHead(
  buffer: Uint8Array,
  at: number,
  delta: number,
  length: number,
): number {
  buffer[at] = (nibble(delta) << 4) | nibble(length);
  return putExtension(buffer, putExtension(buffer, at + 1, delta), length);
}

function extensionOctets(body: number): 0 | 1 | 2 | 4 {
  if (body < 13) return 0;
  if (body < 269) return 1;
  return body < 65_805 ? 2 : 4;
}

/** The frame is `length` octets in all. */
function putLength(
  buffer: Uint8Array,
  offset: number,
  length: number,
  tokenLength: number,
): number {
  const extended = length - 2 - tokenLength;
  const extension = extended < 14 ? 0 : extended < 271 ? 1 : extended < 65_807 ? 2 : 4;
  const body = extended - extension;
  if (extension === 0) {
    buffer[offset] = (body << 4) | tokenLength;
    return offset + 1;
  }
  const power = extension >>> 1;
  buffer[offset] = ((13 + power) << 4) | tokenLength;
  const rest = body - (EXTENSION_BASE[power] ?? 0);
  for (let i = 0; i < extension; i++) buffer[offset + 1 + i] = rest >>> (8 * (extension - 1 - i));
  return offset + 1 + extension;
}

function nibble(value: number): number {
  if (value < 13) return value;
  return value < 269 ? 13 : 14;
}

function extensionLength(value: number): 0 | 1 | 2 {
  if (value < 13) return 0;
  return value < 269 ? 1 : 2;
}

function putExtension(buffer: Uint8Array, at: number, value: number): number {
  if (value < 13) return at;
  if (value < 269) {
    buffer[at] = value - 13;
    return at + 1;
  }
  buffer[at] = (value - 269) >>> 8;
  buffer[at + 1] = value - 269;
  return at + 2;
}

/** @throws RangeError for text that is not ASCII. */
export function putText(buffer: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character > 0x7f) throw new RangeError('text that is not ASCII: use stringOption');
    buffer[at + i] = character;
  }
  return at + text.length;
}

/** Short values octet by octet: a call of `set` costs more than they do. */
function putOctets(buffer: Uint8Array, at: number, octets: Uint8Array): number {
  const { length } = octets;
  if (length > 16) buffer.set(octets, at);
  else for (let i = 0; i < length; i++) buffer[at + i] = octets[i] ?? 0;
  return at + length;
}

export const PAYLOAD_MARKER = 0xff;
export const MAX_TOKEN = 8;
export const MAX_OPTION_NUMBER = 0xffff;
/** What the length nibbles 13, 14 and 15 add to their 1, 2 and 4 octets. */
export const EXTENSION_BASE = [13, 269, 65_805] as const;
/** The longest option value that two octets of extension can say. */
const MAX_OPTION_VALUE = 269 + 0xffff;
