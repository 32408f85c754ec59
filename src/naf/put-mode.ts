/** Pushes as requests, `PUT /push/<id>`, to a UE that answers each: ours, and those that do as docs/wire.md says. */
import { CODE, type CoapMessage } from '../codec/coap.ts';
import { FORGET, pushRequest } from '../codec/push.ts';
import { GbaError, PushError } from '../errors.ts';
import type { Channel } from '../net/channel.ts';
import { BlockPut, exponentAfter, outcomeOf } from './block-put.ts';
import type { Entry } from './entry.ts';
import type { ModeLayer, PushMode } from './mode.ts';

export type PutChannel = Pick<Channel, 'request' | 'peer'>;

export class PutMode implements PushMode {
  /** The channel alone says when to wait. */
  readonly ready = true;
  readonly #channel: PutChannel;
  readonly #layer: ModeLayer;
  /** Octets that go in one message. */
  #longestWhole = LONGEST_WHOLE;
  /** Of the blocks that the UE has asked for. */
  #exponent: number | undefined;

  constructor(channel: PutChannel, layer: ModeLayer) {
    this.#channel = channel;
    this.#layer = layer;
  }

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  send(entry: Entry, ttlSeconds: number): void {
    if (entry.payload.length > this.#longestWhole && this.#takesBlocks) {
      return this.#sendInBlocks(entry, ttlSeconds);
    }
    try {
      this.#channel.request(pushRequest(entry, ttlSeconds), (outcome) => {
        if (outcome instanceof GbaError) return;
        if (outcome.code === CODE.REQUEST_ENTITY_TOO_LARGE) this.#onTooLarge(outcome, entry);
        else this.#layer.tell(entry, outcomeOf(outcome, entry));
      });
    } catch (error) {
      if (!(error instanceof PushError) || !this.#takesBlocks) throw error;
      this.#sendInBlocks(entry, ttlSeconds);
    }
  }

  get #takesBlocks(): boolean {
    return this.#channel.peer?.takesBlocks === true;
  }

  /** @throws PushError ERR_PUSH_OVERSIZE. */
  #sendInBlocks(entry: Entry, ttlSeconds: number): void {
    const [channel, layer, exponent] = [this.#channel, this.#layer, this.#exponent];
    new BlockPut({ channel, layer, entry, ttlSeconds, exponent }).sendNext();
    layer.takesLong(entry);
  }

  /** The UE got it whole and wants such ones in blocks, or not at all. In blocks it goes in its turn again. */
  #onTooLarge(answer: CoapMessage, entry: Entry): void {
    const { length } = entry.payload;
    const exponent = this.#takesBlocks ? exponentAfter(answer, length) : undefined;
    if (exponent === undefined) return this.#layer.tell(entry, outcomeOf(answer, entry));
    if (!this.#layer.has(entry)) return;
    // It has said so: of this time nothing is unknown.
    entry.unanswered -= 1;
    this.#longestWhole = Math.min(this.#longestWhole, length - 1);
    this.#exponent = exponent;
    this.#layer.giveBack(entry);
  }

  /** A UE that knows ids drops what it has had: all that has no answer may go out again. */
  surrender(): void {}

  async forget(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#channel.request(FORGET, () => {
        resolve();
      });
    });
  }
}

/** What is longer goes in blocks where it can, so that something more urgent need not wait for it, octets. */
const LONGEST_WHOLE = 65_536;
