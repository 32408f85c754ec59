/** One push in blocks, each sent when the one before is answered: what is more urgent goes out between them (RFC 7959 2.5). */
import { createHash } from 'node:crypto';
import { BERT, blockAt, LARGEST_BLOCK, type Block } from '../codec/block.ts';
import { CODE, isSuccess, type CoapMessage } from '../codec/coap.ts';
import { parsePushAnswer } from '../codec/push.ts';
import { pushBlockRequest, readBlockAnswer } from '../codec/push-block.ts';
import { CodecError, GbaError, PushError, reasonOf } from '../errors.ts';
import type { Channel } from '../net/channel.ts';
import { BASE_MAX_MESSAGE_SIZE } from '../net/signalling.ts';
import type { Entry, Outcome } from './entry.ts';
import type { ModeLayer } from './mode.ts';

export interface BlockPutOptions {
  readonly channel: Pick<Channel, 'request' | 'peer'>;
  readonly layer: ModeLayer;
  readonly entry: Entry;
  readonly ttlSeconds: number;
  /** The largest block that the UE has asked for; default as its messages allow. */
  readonly exponent?: number | undefined;
}

export class BlockPut {
  readonly #options: BlockPutOptions;
  /** The same in all blocks, so that the UE never joins those of two bodies (RFC 9175 3). */
  readonly #tag: Uint8Array;
  #exponent: number;
  /** With BERT, octets. */
  #most = LONGEST_BERT;
  #offset = 0;
  #restarts = 0;
  /** Its last block went out: from then on the UE may have handled it. */
  #isOut = true;

  constructor(options: BlockPutOptions) {
    this.#options = options;
    const { exponent, channel } = options;
    this.#exponent = exponent ?? largestFor(channel.peer?.maxMessageSize);
    this.#tag = createHash('sha256').update(options.entry.payload).digest().subarray(0, 8);
  }

  /**
   * Sends the next block, at first the first one, as large as the UE takes it: it may say anew what it takes.
   * The others follow by themselves. @throws PushError ERR_PUSH_OVERSIZE when it takes not even the smallest.
   */
  sendNext(): void {
    for (;;) {
      try {
        this.#request();
        return;
      } catch (error) {
        if (!(error instanceof PushError) || !this.#makeSmaller()) throw error;
      }
    }
  }

  #request(): void {
    const { channel, entry, ttlSeconds } = this.#options;
    const size = { exponent: this.#exponent, most: this.#most };
    const { block, payload } = blockAt(entry.payload, this.#offset, size);
    const request = pushBlockRequest(entry, ttlSeconds, { block, tag: this.#tag }, payload);
    channel.request(request, (outcome) => {
      this.#heard(outcome, block, payload.length);
    });
    this.#count(!block.more);
  }

  #makeSmaller(): boolean {
    if (this.#exponent === 0) return false;
    if (this.#exponent < BERT || this.#most === 1_024) this.#exponent -= 1;
    else this.#most /= 2;
    return true;
  }

  #heard(outcome: CoapMessage | GbaError, block: Block, sent: number): void {
    const { layer, entry } = this.#options;
    if (!layer.has(entry)) return;
    if (outcome instanceof GbaError) return layer.giveBack(entry);
    const end = this.#goOn(outcome, block, sent);
    if (end === undefined) return;
    // An answer counts for a push that is out (`Entry.unanswered`).
    this.#count(true);
    layer.tell(entry, end);
  }

  /** Sends the next block, or says what the push has come to. */
  #goOn(answer: CoapMessage, block: Block, sent: number): Outcome | undefined {
    try {
      if (!this.#hasNext(answer, block, sent)) {
        const isPart = block.more && isSuccess(answer.code);
        return isPart ? NOT_JOINED : outcomeOf(answer, this.#options.entry);
      }
      this.sendNext();
      return undefined;
    } catch (error) {
      if (error instanceof CodecError) return UNREADABLE;
      return { kind: 'too-large', detail: reasonOf(error) };
    }
  }

  #count(isOut: boolean): void {
    if (isOut === this.#isOut) return;
    this.#isOut = isOut;
    this.#options.entry.unanswered += isOut ? 1 : -1;
  }

  /** Whether there is a block to be sent after this answer; then it is the one at the offset. */
  #hasNext({ code, options }: CoapMessage, block: Block, sent: number): boolean {
    const wanted = readBlockAnswer(options).block?.exponent ?? BERT;
    switch (code) {
      case CODE.CONTINUE:
        if (!block.more) return false;
        this.#offset += sent;
        this.#exponent = Math.min(this.#exponent, wanted);
        return true;
      case CODE.REQUEST_ENTITY_INCOMPLETE:
        this.#restarts += 1;
        this.#offset = 0;
        return this.#restarts <= MOST_RESTARTS;
      case CODE.REQUEST_ENTITY_TOO_LARGE:
        if (block.number > 0 || wanted >= this.#exponent) return false;
        this.#exponent = wanted;
        return true;
      default:
        return false;
    }
  }
}

/** After a 4.13 to a push that was sent whole: the size of the blocks in which the UE may take it, if in any. */
export function exponentAfter({ options }: CoapMessage, octets: number): number | undefined {
  try {
    const { block, most = Infinity } = readBlockAnswer(options);
    return octets > most ? undefined : Math.min(block?.exponent ?? LARGEST_BLOCK, LARGEST_BLOCK);
  } catch {
    return undefined;
  }
}

/** Every answer makes some sense: one that does not is no answer for good, and the push goes out again. */
export function outcomeOf(message: CoapMessage, { payload }: Entry): Outcome {
  try {
    switch (message.code) {
      case CODE.CONTINUE:
      case CODE.REQUEST_ENTITY_INCOMPLETE:
        return UNREADABLE;
      case CODE.REQUEST_ENTITY_TOO_LARGE:
        return {
          kind: 'too-large',
          detail: tooLarge(payload.length, readBlockAnswer(message.options).most),
        };
      default:
        return parsePushAnswer(message);
    }
  } catch {
    return UNREADABLE;
  }
}

/** A peer that takes messages of no more than 1,152 octets has not agreed to BERT (RFC 8323 5.3.2). */
function largestFor(maxMessageSize = 0): number {
  return maxMessageSize > BASE_MAX_MESSAGE_SIZE ? BERT : LARGEST_BLOCK;
}

function tooLarge(octets: number, most: number | undefined): string {
  const limit = most === undefined ? '' : `, at most ${most}`;
  return `the UE takes no push of ${octets} octets${limit}`;
}

/** What one message of a push has at the most: a more urgent one waits for no more, octets. */
const LONGEST_BERT = 16_384;
/** A UE that forgets what it has had is given it again so often. */
const MOST_RESTARTS = 3;
/** It has handled each block by itself (RFC 7959 2.3). */
const NOT_JOINED: Outcome = {
  kind: 'too-large',
  detail: 'the UE took the first block for the whole push: it does not put blocks together',
};
const UNREADABLE: Outcome = { kind: 'not-now', afterMs: 60_000 };
