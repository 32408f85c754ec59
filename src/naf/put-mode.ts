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

  constructor(channel: PutChannel, layer: ModeLayer) {
    this.#channel = channel;
    this.#layer = layer;
  }

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  send(entry: Entry, ttlSeconds: number): void {
    if (entry.payload.length > LONGEST_WHOLE && this.#takesBlocks) {
      return this.#sendInBlocks(entry, ttlSeconds);
    }
    try {
      this.#channel.request(pushRequest(entry, ttlSeconds), (outcome) => {
        if (outcome instanceof GbaError) return;
        if (outcome.code === CODE.REQUEST_ENTITY_TOO_LARGE)
          this.#onTooLarge(outcome, entry, ttlSeconds);
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
  #sendInBlocks(entry: Entry, ttlSeconds: number, exponent?: number): void {
    const [channel, layer] = [this.#channel, this.#layer];
    new BlockPut({ channel, layer, entry, ttlSeconds, exponent }).start();
    layer.takesLong(entry);
  }

  /** The UE took it whole and wants it in blocks, or not at all. */
  #onTooLarge(answer: CoapMessage, entry: Entry, ttlSeconds: number): void {
    if (!this.#layer.has(entry)) return;
    try {
      const exponent = this.#takesBlocks ? exponentAfter(answer, entry.payload.length) : undefined;
      if (exponent !== undefined) return this.#sendInBlocks(entry, ttlSeconds, exponent);
    } catch {
      // Not in blocks either.
    }
    this.#layer.tell(entry, outcomeOf(answer, entry));
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
