/** Messages of one turn of the event loop leave in one write: a write costs as much as ten messages. */
import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import type { OutgoingMessage } from '../codec/coap.ts';
import { encodedLength, encodeInto } from '../codec/coap-tcp.ts';
import { EMPTY } from '../lib/bytes.ts';

/**
 * Encodes into a buffer of its own, hands it to the socket, and forgets it. A small batch waits up to
 * `HELD_TURNS` turns more while requests from before it are out: their answers, which set off more requests,
 * are on their way, and one write serves all. A loop that has nothing else to do ends those turns at once.
 */
export class WriteBatch {
  readonly #socket: Writable;
  readonly #requests: { readonly size: number };
  readonly #onWritten: () => void;
  #buffer: Uint8Array = EMPTY;
  #length = 0;
  #messages = 0;
  /** Ends of turns that it has let go by. */
  #held = 0;
  /** Octets of the batch before: the next one is likely to be as long. */
  #lastLength = 0;
  #scheduled = false;
  /** Octets that were given to the socket and are not written yet. */
  #unwritten = 0;

  /** `requests`: all that wait for an answer. `onWritten` runs whenever the socket has taken a batch. */
  constructor(socket: Writable, requests: { readonly size: number }, onWritten: () => void) {
    this.#socket = socket;
    this.#requests = requests;
    this.#onWritten = onWritten;
  }

  /** Octets on this side of the kernel. */
  get queued(): number {
    return this.#length + this.#unwritten;
  }

  /** Encodes now; writes at the end of a turn, or at once when a full batch is together. */
  add(message: OutgoingMessage, length = encodedLength(message)): void {
    const end = this.#length + length;
    if (end > this.#buffer.length) this.#grow(end);
    encodeInto(message, this.#buffer, this.#length, length);
    this.#length = end;
    this.#messages += 1;
    if (end >= FULL_BATCH) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(WriteBatch.#endTurn, this);
    }
  }

  /** Writes what there is; drops it when the socket has ended. */
  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    const batch = this.#buffer.subarray(0, length);
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#messages = 0;
    this.#lastLength = length;
    if (!this.#socket.writable) return;
    this.#unwritten += length;
    this.#socket.write(batch, () => {
      this.#unwritten -= length;
      this.#onWritten();
    });
  }

  static #endTurn(batch: WriteBatch): void {
    if (batch.#mayGrow && batch.#held < HELD_TURNS) {
      batch.#held += 1;
      setImmediate(WriteBatch.#endTurn, batch);
      return;
    }
    batch.#held = 0;
    batch.#scheduled = false;
    batch.flush();
  }

  get #mayGrow(): boolean {
    const isSmall = this.#length > 0 && this.#length < LONGEST_RECORD;
    return isSmall && this.#requests.size > this.#messages;
  }

  #grow(needed: number): void {
    const likely = this.#length === 0 ? this.#lastLength : 2 * this.#buffer.length;
    const grown = Buffer.allocUnsafe(Math.max(FIRST_BATCH, likely, needed));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** Small: what lies in Node's shared pool beside it may last, and holds 8 KiB of pool. */
const FIRST_BATCH = 64;
const FULL_BATCH = 65_536;
/** What TLS puts into one record (RFC 8446 5.1): a batch of that length gains little by growing. */
const LONGEST_RECORD = 16_384;
const HELD_TURNS = 4;
