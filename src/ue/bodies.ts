/** Pushes that come in blocks, put together: one body for each id, of a few at once and up to a limit (RFC 7959 2.5). */
import { isWhole, offsetOf } from '../codec/block.ts';
import { LONGEST_PUSH, type CoapBody, type PushMessage } from '../codec/push.ts';
import {
  incomplete,
  proceed,
  pushBlockAnswer,
  tooLarge,
  type PushBlock,
} from '../codec/push-block.ts';
import { CodecError } from '../errors.ts';
import type { PushId } from '../ids.ts';
import { EMPTY, view } from '../lib/bytes.ts';

/** What all that have not come to their end may have together, octets: as much as one alone. */
const MOST_OCTETS = LONGEST_PUSH;
/** A NAF sends one at a time for each urgency. */
const MAX_BODIES = 4;
const BUSY_MS = 1_000;

interface Body {
  /** What its first block said. */
  readonly push: PushMessage;
  readonly tag: Uint8Array;
  /** A copy of what has come, and room for more: a message keeps all octets alive that came with it. */
  octets: Uint8Array;
  length: number;
}

/** The push when this was its last block, else what the block is answered. */
export type Taken = { readonly whole: PushMessage } | { readonly answer: CoapBody };

export class Bodies {
  /** The one that began last is the last. */
  readonly #bodies = new Map<PushId, Body>();
  #octets = 0;

  /** Takes one block in; `push` is what its message says. @throws CodecError ERR_COAP_MALFORMED. */
  take(push: PushMessage, { block, tag, size = 0 }: PushBlock): Taken {
    const { id, payload } = push;
    if (!isWhole(block, payload.length)) {
      throw new CodecError('ERR_COAP_MALFORMED', `a block of ${payload.length} octets`);
    }
    const offset = offsetOf(block);
    if (offset === 0) this.#begin(push, tag);
    const body = this.#bodies.get(id);
    if (body === undefined || body.length !== offset || !view(body.tag).equals(tag)) {
      this.#drop(id);
      return { answer: incomplete(block) };
    }
    if (Math.max(size, offset + payload.length) > LONGEST_PUSH) {
      this.#drop(id);
      return { answer: tooLarge(block, LONGEST_PUSH) };
    }
    if (this.#octets + payload.length > MOST_OCTETS) {
      this.#drop(id);
      return { answer: pushBlockAnswer({ kind: 'not-now', afterMs: BUSY_MS }, block) };
    }
    append(body, payload);
    this.#octets += payload.length;
    if (block.more) return { answer: proceed(block) };
    this.#drop(id);
    return { whole: { ...body.push, payload: body.octets.subarray(0, body.length) } };
  }

  #begin(push: PushMessage, tag: Uint8Array): void {
    this.#drop(push.id);
    const [oldest] = this.#bodies.keys();
    if (oldest !== undefined && this.#bodies.size >= MAX_BODIES) this.#drop(oldest);
    this.#bodies.set(push.id, {
      push: { ...push, payload: EMPTY },
      tag: Uint8Array.from(tag),
      octets: EMPTY,
      length: 0,
    });
  }

  #drop(id: PushId): void {
    this.#octets -= this.#bodies.get(id)?.length ?? 0;
    this.#bodies.delete(id);
  }
}

/** Room doubles: a body of small blocks is not moved for each. */
function append(body: Body, payload: Uint8Array): void {
  const length = body.length + payload.length;
  if (length > body.octets.length) {
    const octets = new Uint8Array(Math.max(length, 2 * body.octets.length));
    octets.set(body.octets.subarray(0, body.length));
    body.octets = octets;
  }
  body.octets.set(payload, body.length);
  body.length = length;
}
