/** The handshake messages that open a connection in clear text, put together from records (RFC 8446 5.1). */
import { EMPTY, concat } from '../lib/bytes.ts';

export const MESSAGE = { clientHello: 1, serverHello: 2, clientKeyExchange: 16 } as const;

/** One handshake message. */
export interface HandshakeMessage {
  readonly type: number;
  /** With its header of 4 octets, as a transcript hashes it. */
  readonly octets: Uint8Array;
  /** How many octets of the stream it took, headers of records included. */
  readonly end: number;
}

/**
 * Collects a stream until the handshake message that it begins with is whole; warnings may come before it
 * (RFC 5246 7.2). The message must end where a record ends: nothing of the next one may ride along unseen.
 */
export class MessageReader {
  #stream: Uint8Array = EMPTY;
  #found: HandshakeMessage | 'partial' | 'none' = 'partial';
  /** Where the next record begins. */
  #at = 0;
  /** What came of the message; in the same memory where it came in one record, as nearly all do. */
  #message: Uint8Array = EMPTY;

  /** All octets so far. */
  get stream(): Uint8Array {
    return this.#stream;
  }

  /**
   * Takes the next octets. `partial` while the stream may still begin with a message, `none` once it
   * cannot; after that it only collects.
   */
  push(chunk: Uint8Array): HandshakeMessage | 'partial' | 'none' {
    this.#stream = this.#stream.length === 0 ? chunk : concat(this.#stream, chunk);
    while (this.#found === 'partial' && this.#takeRecord());
    return this.#found;
  }

  /** False when there is no whole record, which may be because there never will be. */
  #takeRecord(): boolean {
    const stream = this.#stream;
    const at = this.#at;
    const left = stream.length - at;
    const mayWarn = stream[at] === ALERT && this.#message.length === 0;
    if (left > 0 && stream[at] !== HANDSHAKE && !mayWarn) this.#found = 'none';
    if (left < RECORD_HEADER) return false;
    const length = uint16(stream, at + 3);
    if (stream[at + 1] !== 3 || length === 0 || length > LONGEST_RECORD) this.#found = 'none';
    if (this.#found === 'none' || left < RECORD_HEADER + length) return false;
    const from = at + RECORD_HEADER;
    this.#at = from + length;
    if (mayWarn) {
      if (length !== ALERT_OCTETS || stream[from] !== WARNING) this.#found = 'none';
      return true;
    }
    const fragment = stream.subarray(from, this.#at);
    this.#message = this.#message.length === 0 ? fragment : concat(this.#message, fragment);
    if (this.#message.length >= MESSAGE_HEADER) this.#takeMessage();
    return true;
  }

  #takeMessage(): void {
    const octets = this.#message;
    const length = MESSAGE_HEADER + ((octets[1] ?? 0) << 16) + uint16(octets, 2);
    if (octets.length > length) this.#found = 'none';
    if (octets.length !== length) return;
    this.#found = { type: octets[0] ?? 0, octets, end: this.#at };
  }
}

function uint16(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

const ALERT = 21;
const ALERT_OCTETS = 2;
const WARNING = 1;
const HANDSHAKE = 22;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const LONGEST_RECORD = 0x4000;
