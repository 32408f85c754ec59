/** The options of `PUT /push/<id>?u=<urgency>&ttl=<s>&seq=<n>` (docs/wire.md), written without a list of them. */
import {
  OPTION,
  pathOptions,
  queryOption,
  uintOption,
  type CoapOption,
  type OptionWriter,
} from './coap-option.ts';
import { optionHeadLength, putOptionHead, putText } from './coap-tcp.ts';
import type { PushMessage, Urgency } from './push.ts';

/** As on the wire: RFC 8030 5.3, the least urgent is 0. */
const URGENCY_NUMBERS: Readonly<Record<Urgency, number>> = {
  'very-low': 0,
  low: 1,
  normal: 2,
  high: 3,
};

export class PushOptions implements OptionWriter {
  readonly octets: number;
  readonly #push: PushMessage;
  readonly #ttlSeconds: number;

  /** `ttlSeconds` is what is left of the push's own. */
  constructor(push: PushMessage, ttlSeconds: number) {
    this.#push = push;
    this.#ttlSeconds = ttlSeconds;
    this.octets =
      optionLength(OPTION.URI_PATH, 'push'.length) +
      optionLength(0, push.id.length) +
      optionLength(1, uintOctets(push.contentFormat)) +
      optionLength(QUERY_DELTA, 'u=2'.length) +
      optionLength(0, 'ttl='.length + digitsOf(ttlSeconds)) +
      optionLength(0, 'seq='.length + digitsOf(push.seq));
  }

  writeInto(buffer: Uint8Array, offset: number): number {
    const { id, contentFormat, urgency, seq } = this.#push;
    let at = putOptionHead(buffer, offset, OPTION.URI_PATH, 'push'.length);
    at = putText(buffer, at, 'push');
    at = putOptionHead(buffer, at, 0, id.length);
    at = putText(buffer, at, id);
    const octets = uintOctets(contentFormat);
    at = putOptionHead(buffer, at, 1, octets);
    if (octets > 1) buffer[at++] = contentFormat >>> 8;
    if (octets > 0) buffer[at++] = contentFormat;
    at = putQuery(buffer, at, QUERY_DELTA, 'u=', URGENCY_NUMBERS[urgency]);
    at = putQuery(buffer, at, 0, 'ttl=', this.#ttlSeconds);
    return putQuery(buffer, at, 0, 'seq=', seq);
  }
}

/** The same as a list, for a message that has others too. */
export function pushOptionList(push: PushMessage, ttlSeconds: number): CoapOption[] {
  const { id, contentFormat, urgency, seq } = push;
  return [
    ...pathOptions('push', id),
    uintOption(OPTION.CONTENT_FORMAT, contentFormat),
    queryOption('u', URGENCY_NUMBERS[urgency]),
    queryOption('ttl', ttlSeconds),
    queryOption('seq', seq),
  ];
}

const QUERY_DELTA = OPTION.URI_QUERY - OPTION.CONTENT_FORMAT;

function optionLength(delta: number, length: number): number {
  return optionHeadLength(delta, length) + length;
}

/** `value` is a whole number. */
function putQuery(
  buffer: Uint8Array,
  offset: number,
  delta: number,
  key: string,
  value: number,
): number {
  const digits = digitsOf(value);
  let at = putOptionHead(buffer, offset, delta, key.length + digits);
  at = putText(buffer, at, key);
  for (let left = value, place = at + digits - 1; place >= at; place--) {
    const rest = Math.floor(left / 10);
    buffer[place] = 0x30 + left - 10 * rest;
    left = rest;
  }
  return at + digits;
}

/** How many decimal digits a whole number has. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}

/** A Content-Format is at most 16 bits; 0 needs no octet (RFC 7252 3.2). */
function uintOctets(value: number): 0 | 1 | 2 {
  if (value === 0) return 0;
  return value < 0x100 ? 1 : 2;
}
