/** A CoAP message that came (RFC 7252 3, 3.1; RFC 8323 3.2). Its octets are those of its frame until somebody asks. */
import { CodecError } from '../errors.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { CoapMessage } from './coap.ts';
import { NO_OPTIONS, ReceivedOption, viewOf, type CoapOption } from './coap-option.ts';
import { MAX_OPTION_NUMBER, PAYLOAD_MARKER } from './coap-tcp.ts';

export class ReceivedMessage implements CoapMessage {
  readonly code: number;
  /** Perhaps in the middle of others; the rest are places in it. */
  readonly octets: Uint8Array;
  readonly tokenStart: number;
  /** The options begin here. */
  readonly tokenEnd: number;
  /** The options end here: at the payload marker, or with the message. */
  readonly #optionsEnd: number;
  readonly #end: number;
  /** A bit for each number below 32 that an option has. */
  readonly #numbers: number;
  #options: readonly CoapOption[] | undefined;

  /**
   * `start` to `end` is one frame whose length field and token length have been checked. It is kept.
   * @throws CodecError ERR_COAP_MALFORMED.
   */
  constructor(octets: Uint8Array, start: number, end: number) {
    const first = octets[start] ?? 0;
    const length = first >>> 4;
    const at = start + 1 + (length < 13 ? 0 : 1 << (length - 13));
    this.code = octets[at] ?? 0;
    this.octets = octets;
    this.tokenStart = at + 1;
    this.tokenEnd = at + 1 + (first & 0x0f);
    this.#end = end;
    let numbers = 0;
    const option = checking.over(octets, this.tokenEnd, end);
    while (option.next()) if (option.number < 32) numbers |= 1 << option.number;
    this.#numbers = numbers;
    this.#optionsEnd = option.at;
    if (option.at === end - 1) malformed('a payload marker without a payload');
  }

  /** A copy, which may be kept for as long as an answer takes. */
  get token(): Uint8Array {
    return this.octets.slice(this.tokenStart, this.tokenEnd);
  }

  /** A list is made when somebody asks; whoever reads many messages walks instead. */
  get options(): readonly CoapOption[] {
    this.#options ??= this.#listOptions();
    return this.#options;
  }

  /** A view. */
  get payload(): Uint8Array {
    return viewOf(this.octets, Math.min(this.#optionsEnd + 1, this.#end), this.#end);
  }

  /** Whether there is an option of that number, 0 to 31. */
  has(number: number): boolean {
    return ((this.#numbers >>> number) & 1) === 1;
  }

  /** Every option in turn: the same walk for all messages, which the next call begins anew. */
  walk(): OptionWalk {
    return reading.over(this.octets, this.tokenEnd, this.#optionsEnd);
  }

  #listOptions(): readonly CoapOption[] {
    if (this.tokenEnd === this.#optionsEnd) return NO_OPTIONS;
    const options: CoapOption[] = [];
    const option = this.walk();
    while (option.next()) {
      options.push(new ReceivedOption(option.number, this.octets, option.start, option.end));
    }
    return options;
  }
}

/** Is each option in turn, so that no object is made for any: what is kept of one must be read before the next. */
export class OptionWalk extends ReceivedOption {
  /** Where the next option begins, or the options end. */
  at = 0;
  #limit = 0;

  constructor() {
    super(0, EMPTY, 0, 0);
  }

  /** From the first option on; the options end at `end`, or at the payload marker before it. */
  over(octets: Uint8Array, start: number, end: number): this {
    this.number = 0;
    this.octets = octets;
    this.at = start;
    this.#limit = end;
    return this;
  }

  /** Goes to the next one; false when there is none. @throws CodecError ERR_COAP_MALFORMED. */
  next(): boolean {
    const { octets } = this;
    let at = this.at;
    if (at >= this.#limit) return false;
    const head = octets[at++] ?? 0;
    if (head === PAYLOAD_MARKER) return false;
    let delta = head >>> 4;
    if (delta >= 13) {
      delta = extended(octets, at, delta);
      at += delta < 269 ? 1 : 2;
    }
    let size = head & 0x0f;
    if (size >= 13) {
      size = extended(octets, at, size);
      at += size < 269 ? 1 : 2;
    }
    if (at + size > this.#limit) malformed('an option longer than its message');
    this.number += delta;
    if (this.number > MAX_OPTION_NUMBER) malformed('an option number beyond 65535');
    this.start = at;
    this.end = at + size;
    this.at = this.end;
    return true;
  }
}

/**
 * The extended form of an option's delta or length (RFC 7252 3.1): one octet below 269, else two. It
 * may read past its message; the option is then longer than the message, which its reader checks.
 */
function extended(octets: Uint8Array, at: number, nibble: number): number {
  if (nibble === 15) malformed('the option nibble 15 is reserved');
  const first = octets[at] ?? 0;
  return nibble === 13 ? 13 + first : 269 + first * 256 + (octets[at + 1] ?? 0);
}

function malformed(rule: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', rule);
}

/** For looking a message over once when it comes: nothing else runs meanwhile. */
const checking = new OptionWalk();
/** For the one message that is being read: it is read to its end before another one is. */
const reading = new OptionWalk();
