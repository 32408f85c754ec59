/** The peer's first word: its CSM, and what it says of the messages that it takes (RFC 8323 5.3). */
import type { CoapMessage } from '../codec/coap.ts';
import type { ChannelError } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { BASE_MAX_MESSAGE_SIZE, statedMaxMessageSize } from './signalling.ts';

export interface GreetingOptions {
  readonly clock: Clock;
  /** How long the peer may take, ms. */
  readonly timeoutMs: number;
  readonly onLate: () => void;
}

export class Greeting {
  /** The CSM is here. @throws what `end` is given, when that comes first. */
  readonly ready: Promise<void>;
  readonly #timer: Timer;
  #settle: (error?: ChannelError) => void = () => {};
  #heard = false;
  #maxMessageSize = BASE_MAX_MESSAGE_SIZE;

  constructor({ clock, timeoutMs, onLate }: GreetingOptions) {
    this.#timer = clock.after(timeoutMs, onLate);
    this.ready = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        if (error) reject(error);
        else resolve();
      };
    });
    this.ready.catch(() => {});
  }

  get heard(): boolean {
    return this.#heard;
  }

  /** The longest message that the peer takes, header included, octets. */
  get maxMessageSize(): number {
    return this.#maxMessageSize;
  }

  /** Why a message of so many octets must not be sent; undefined when it may. */
  oversize(octets: number): string | undefined {
    if (octets <= this.#maxMessageSize) return undefined;
    return `a message of ${octets} octets is over the peer's Max-Message-Size of ${this.#maxMessageSize}`;
  }

  /** A CSM came; a later one changes what an earlier one said. @throws CodecError for one that cannot be read. */
  hear(csm: CoapMessage): void {
    this.#maxMessageSize = statedMaxMessageSize(csm) ?? this.#maxMessageSize;
    this.#heard = true;
    this.#timer.cancel();
    this.#settle();
  }

  end(error: ChannelError): void {
    this.#timer.cancel();
    this.#settle(error);
  }
}
