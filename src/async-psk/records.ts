/** The handshake messages that open a connection in clear text, put together from records (RFC 8446 5.1). */
import { EMPTY, concat, view } from '../lib/bytes.ts';

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
 * Collects a stream until the handshake message that it begins with is whole. The message must end
 * where a record ends: nothing of the next one may ride along unseen.
 */
export class MessageReader {
  #stream: Uint8Array = EMPTY;
  #found: HandshakeMessage | 'partial' | 'none' = 'partial';
  /** Where the next record begins. */
  #at = 0;
  /** Where in the stream the fragments of the message are. */
  readonly #fragments: (readonly [from: number, to: number])[] = [];
  #gathered = 0;
  /** Of the whole message, once its header is there. */
  #length: number | undefined;

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
    const record = this.#stream.subarray(this.#at);
    if (record.length > 0 && record[0] !== HANDSHAKE) this.#found = 'none';
    if (record.length < RECORD_HEADER) return false;
    const length = view(record).readUInt16BE(3);
    if (record[1] !== 3 || length === 0 || length > LONGEST_RECORD) this.#found = 'none';
    if (this.#found === 'none' || record.length < RECORD_HEADER + length) return false;
    const from = this.#at + RECORD_HEADER;
    this.#at = from + length;
    this.#fragments.push([from, this.#at]);
    this.#gathered += length;
    if (this.#gathered >= MESSAGE_HEADER) this.#takeMessage();
    return true;
  }

  #takeMessage(): void {
    this.#length ??= MESSAGE_HEADER + view(this.#message()).readUIntBE(1, 3);
    if (this.#gathered > this.#length) this.#found = 'none';
    if (this.#gathered !== this.#length) return;
    const octets = this.#message();
    this.#found = { type: octets[0] ?? 0, octets, end: this.#at };
  }

  /** In the same memory where it came in one record, as nearly all do. */
  #message(): Uint8Array {
    const parts = this.#fragments.map(([from, to]) => this.#stream.subarray(from, to));
    return parts.length === 1 ? (parts[0] ?? EMPTY) : concat(...parts);
  }
}

const HANDSHAKE = 22;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const LONGEST_RECORD = 0x4000;
