/** Finding CoAP messages in a byte stream (RFC 8323 3.2, options as RFC 7252 3.1). */
import { CodecError } from '../errors.ts';
import { EMPTY } from '../lib/bytes.ts';
import { EXTENSION_BASE, MAX_TOKEN } from './coap-tcp.ts';
import { ReceivedMessage } from './received.ts';

/**
 * Finds the messages in a stream, however it was cut into chunks.
 *
 * Payloads and option values are views: over the chunk when it held the whole frame, else over memory
 * that was made for this frame. They stay valid as long as nobody writes into a chunk again (Node's
 * sockets never do), and a message keeps its chunk alive: copy what is kept for long. Tokens are copies.
 */
export class CoapDecoder {
  readonly #maxMessageSize: number;
  /** The frame that began in an earlier chunk; at first only its header, until its size is known. */
  #frame: Uint8Array = EMPTY;
  #filled = 0;
  #failure: CodecError | undefined;

  /** `maxMessageSize`: the longest frame, header included, that is accepted, octets. */
  constructor(maxMessageSize: number) {
    this.#maxMessageSize = maxMessageSize;
  }

  /** True when the stream ends here in the middle of a message. */
  get partial(): boolean {
    return this.#filled > 0;
  }

  /**
   * Gives `sink` every message that is complete now, in order, before it returns.
   * @throws CodecError ERR_COAP_MALFORMED, or ERR_COAP_OVERSIZE as soon as the length is read and
   * before anything of that size is held. The stream has lost its framing then: every later call
   * throws the same error.
   */
  push(chunk: Uint8Array, sink: (message: ReceivedMessage) => void): void {
    if (this.#failure) throw this.#failure;
    try {
      let at = this.#filled > 0 ? this.#complete(chunk, sink) : 0;
      while (at < chunk.length) {
        const size = this.#frameSize(chunk, at, chunk.length);
        if (size === undefined || at + size > chunk.length) {
          this.#begin(chunk, at, size);
          return;
        }
        sink(new ReceivedMessage(chunk, at, at + size));
        at += size;
      }
    } catch (error) {
      if (error instanceof CodecError) this.#failure = error;
      throw error;
    }
  }

  /** The size of the frame at `at`, header included; undefined while its length field is not all there. */
  #frameSize(octets: Uint8Array, at: number, end: number): number | undefined {
    const first = octets[at] ?? 0;
    const length = first >>> 4;
    const extension = length < 13 ? 0 : 1 << (length - 13);
    if (at + 1 + extension > end) return undefined;
    let body = length;
    if (extension > 0) {
      body = 0;
      for (let i = 1; i <= extension; i++) body = body * 256 + (octets[at + i] ?? 0);
      body += EXTENSION_BASE[length - 13] ?? 0;
    }
    const token = first & 0x0f;
    if (token > MAX_TOKEN) malformed('token lengths 9 to 15 are reserved');
    const size = 2 + extension + token + body;
    if (size > this.#maxMessageSize) {
      throw new CodecError(
        'ERR_COAP_OVERSIZE',
        `a message of ${size} octets is over the limit of ${this.#maxMessageSize}`,
      );
    }
    return size;
  }

  #begin(chunk: Uint8Array, at: number, size: number | undefined): void {
    this.#frame = new Uint8Array(size ?? MAX_LENGTH_FIELD);
    this.#frame.set(chunk.subarray(at));
    this.#filled = chunk.length - at;
  }

  /** Goes on with the frame that is held; returns how much of the chunk it took. */
  #complete(chunk: Uint8Array, sink: (message: ReceivedMessage) => void): number {
    let at = 0;
    let size = this.#frameSize(this.#frame, 0, this.#filled);
    while (size === undefined && at < chunk.length) {
      this.#frame[this.#filled++] = chunk[at++] ?? 0;
      size = this.#frameSize(this.#frame, 0, this.#filled);
    }
    if (size === undefined) return at;
    if (this.#frame.length !== size) {
      const header = this.#frame.subarray(0, this.#filled);
      this.#frame = new Uint8Array(size);
      this.#frame.set(header);
    }
    const part = chunk.subarray(at, at + size - this.#filled);
    this.#frame.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === size) {
      const frame = this.#frame;
      this.#frame = EMPTY;
      this.#filled = 0;
      sink(new ReceivedMessage(frame, 0, size));
    }
    return at + part.length;
  }
}

function malformed(rule: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', rule);
}

/** The first octet and its longest extension. */
const MAX_LENGTH_FIELD = 5;
