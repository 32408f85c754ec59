/** A notification that is longer than a message: its first block goes out, the client reads the others (RFC 7959 2.4, 3.4). */
import { createHash } from 'node:crypto';
import { blockAt, LARGEST_BLOCK, offsetOf, type Block } from '../codec/block.ts';
import { CODE } from '../codec/coap.ts';
import { bare, type CoapBody } from '../codec/push.ts';
import { laterBlock, type BodyPart } from '../codec/ue-request.ts';
import type { Entry } from './entry.ts';

export class BodyReading {
  readonly entry: Entry;
  readonly #contentFormat: number;
  readonly #etag: Uint8Array;
  /** Of the blocks: no client gets larger ones, and each may ask for smaller. */
  #exponent: number;
  /** The client has had all that is before, octets. */
  #reached = 0;

  constructor(entry: Entry, contentFormat: number, exponent: number) {
    this.entry = entry;
    this.#contentFormat = contentFormat;
    this.#exponent = Math.min(exponent, LARGEST_BLOCK);
    this.#etag = createHash('sha256').update(entry.id).digest().subarray(0, 8);
  }

  /** The client has had it to its end. */
  get read(): boolean {
    return this.#reached >= this.entry.payload.length;
  }

  /** What the notification has of it. */
  first(): { readonly part: BodyPart; readonly payload: Uint8Array } {
    return this.#take(0, this.#exponent);
  }

  /** After `first` was too long for the client: false when there is nothing smaller. */
  makeSmaller(): boolean {
    if (this.#exponent === 0) return false;
    this.#exponent -= 1;
    this.#reached = 0;
    return true;
  }

  /** The answer to a request for a block; 4.00 beyond the end. */
  answer(wanted: Block): CoapBody {
    const offset = offsetOf(wanted);
    if (offset >= this.entry.payload.length) return bare(CODE.BAD_REQUEST);
    const { part, payload } = this.#take(offset, Math.min(wanted.exponent, this.#exponent));
    return laterBlock(payload, { contentFormat: this.#contentFormat, part });
  }

  #take(offset: number, exponent: number) {
    const { payload: body } = this.entry;
    const { block, payload } = blockAt(body, offset, { exponent, most: 0 });
    if (offset <= this.#reached) this.#reached = Math.max(this.#reached, offset + payload.length);
    return { part: { block, etag: this.#etag, size: body.length }, payload };
  }
}
