/** Pushes as requests, `PUT /push/<id>`, to a UE that answers each: ours, and those that do as docs/wire.md says. */
import type { CoapMessage } from '../codec/coap.ts';
import { FORGET, parsePushAnswer, pushRequest, type PushAnswer } from '../codec/push.ts';
import { GbaError } from '../errors.ts';
import type { Channel } from '../net/channel.ts';
import type { Entry } from './entry.ts';
import type { ModeLayer, PushMode } from './mode.ts';

export class PutMode implements PushMode {
  /** The channel alone says when to wait. */
  readonly ready = true;
  readonly #channel: Pick<Channel, 'request'>;
  readonly #layer: ModeLayer;

  constructor(channel: Pick<Channel, 'request'>, layer: ModeLayer) {
    this.#channel = channel;
    this.#layer = layer;
  }

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  send(entry: Entry, ttlSeconds: number): void {
    this.#channel.request(pushRequest(entry, ttlSeconds), (outcome) => {
      if (!(outcome instanceof GbaError)) this.#layer.tell(entry, answerIn(outcome));
    });
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

/** An answer that makes no sense is no answer for good: the push goes out again. */
function answerIn(message: CoapMessage): PushAnswer {
  try {
    return parsePushAnswer(message);
  } catch {
    return { kind: 'not-now', afterMs: UNREADABLE_RETRY_MS };
  }
}

const UNREADABLE_RETRY_MS = 60_000;
