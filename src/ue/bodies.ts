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
import type { Clock } from '../lib/clock.ts';

/** What all that have not come to their end may take up together, octets: as much as one alone. */
const MOST_OCTETS = LONGEST_PUSH;
/** A NAF sends one at a time for each urgency. */
const MAX_BODIES = 4;
/** One that gets no block for so long has been given up. */
const GIVEN_UP_MS = 60_000;
const BUSY_MS = 1_000;

interface Body {
  /** What its first block said. */
  readonly push: PushMessage;
  readonly tag: Uint8Array;
  /** A copy of what has come, and room for more: a message keeps all octets alive that came with it. */
  octets: Uint8Array;
  length: number;
  /** When its last block came, monotonic ms. */
  at: number;
}

/** The push when this was its last block, else what the block is answered. */
export type Taken = { readonly whole: PushMessage } | { readonly answer: CoapBody };

export class Bodies {
  readonly #clock: Clock;
  /** The one that began last is the last. */
  readonly #bodies = new Map<PushId, Body>();
  /** Room that all of them have. */
  #room = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one block in; `push` is what its message says. @throws CodecError ERR_COAP_MALFORMED. */
  take(push: PushMessage, { block, tag, size = 0 }: PushBlock): Taken {
    const { id, payload } = push;
    if (!isWhole(block, payload.length)) {
      throw new CodecError('ERR_COAP_MALFORMED', `a block of ${payload.length} octets`);
    }
    const offset = offsetOf(block);
    const length = offset + payload.length;
    if (Math.max(size, length) > LONGEST_PUSH) {
      this.#drop(id);
      return { answer: tooLarge(block, LONGEST_PUSH) };
    }
    if (offset === 0) this.#begin(push, tag);
    const body = this.#bodies.get(id);
    if (body?.length !== offset || !view(body.tag).equals(tag)) {
      this.#drop(id);
      return { answer: incomplete(block) };
    }
    if (!this.#makeRoom(body, Math.max(size, length))) {
      this.#drop(id);
      return { answer: pushBlockAnswer({ kind: 'not-now', afterMs: BUSY_MS }, block) };
    }
    body.octets.set(payload, offset);
    body.length = length;
    body.at = this.#clock.monotonic();
    if (block.more) return { answer: proceed(block) };
    this.#drop(id);
    const { octets } = body;
    // What is handed on takes up no more than it has.
    const whole = length === octets.length ? octets : octets.slice(0, length);
    return { whole: { ...body.push, payload: whole } };
  }

  #begin(push: PushMessage, tag: Uint8Array): void {
    this.#drop(push.id);
    const since = this.#clock.monotonic() - GIVEN_UP_MS;
    for (const [id, { at }] of this.#bodies) if (at <= since) this.#drop(id);
    const [oldest] = this.#bodies.keys();
    if (oldest !== undefined && this.#bodies.size >= MAX_BODIES) this.#drop(oldest);
    this.#bodies.set(push.id, {
      push: { ...push, payload: EMPTY },
      tag: Uint8Array.from(tag),
      octets: EMPTY,
      length: 0,
      at: 0,
    });
  }

  /** For so many octets at least; where nobody said how many there will be, room doubles. False when there is none. */
  #makeRoom(body: Body, length: number): boolean {
    const { octets } = body;
    if (length <= octets.length) return true;
    const most = octets.length + MOST_OCTETS - this.#room;
    if (length > most) return false;
    const grown = new Uint8Array(Math.max(length, Math.min(2 * octets.length, most)));
    grown.set(octets);
    this.#room += grown.length - octets.length;
    body.octets = grown;
    return true;
  }

  #drop(id: PushId): void {
    this.#room -= this.#bodies.get(id)?.octets.length ?? 0;
    this.#bodies.delete(id);
  }
}
