/** The peer's first word: its CSM, and what it says of the messages that it takes (RFC 8323 5.3). */
import type { CoapMessage } from '../codec/coap.ts';
import type { ChannelError } from '../errors.ts';
import type { Timer } from '../lib/clock.ts';
import { defer, type Deferred } from '../lib/deferred.ts';
import type { ChannelSettings } from './channel-types.ts';
import { BASE_MAX_MESSAGE_SIZE, offersBlocks, statedMaxMessageSize } from './signalling.ts';

export class Greeting {
  #heard = false;
  #maxMessageSize = BASE_MAX_MESSAGE_SIZE;
  #takesBlocks = false;
  /** Until it is heard, or will not be any more. */
  #timer: Timer | undefined;
  #ready: Deferred<void> | undefined;
  #error: ChannelError | undefined;

  /** `onLate` hears what to tell a peer that has taken too long. */
  constructor({ clock, csmTimeoutMs = 10_000 }: ChannelSettings, onLate: (why: string) => void) {
    this.#timer = clock.after(csmTimeoutMs, () => {
      onLate(`no CSM within ${csmTimeoutMs} ms`);
    });
  }

  /** The CSM is here. @throws what `end` is given, when that comes first. */
  get ready(): Promise<void> {
    if (this.#heard) return Promise.resolve();
    if (this.#ready === undefined) {
      this.#ready = defer();
      this.#ready.promise.catch(() => {});
      if (this.#error) this.#ready.reject(this.#error);
    }
    return this.#ready.promise;
  }

  get heard(): boolean {
    return this.#heard;
  }

  /** The longest message that the peer takes, header included, octets. */
  get maxMessageSize(): number {
    return this.#maxMessageSize;
  }

  /** The peer has said that it takes blocks (RFC 7959). */
  get takesBlocks(): boolean {
    return this.#takesBlocks;
  }

  /** Why a message of so many octets must not be sent; undefined when it may. */
  oversize(octets: number): string | undefined {
    if (octets <= this.#maxMessageSize) return undefined;
    return `a message of ${octets} octets is over the peer's Max-Message-Size of ${this.#maxMessageSize}`;
  }

  /** A CSM came; a later one changes what an earlier one said. @throws CodecError for one that cannot be read. */
  hear(csm: CoapMessage): void {
    this.#maxMessageSize = statedMaxMessageSize(csm) ?? this.#maxMessageSize;
    this.#takesBlocks ||= offersBlocks(csm);
    this.#heard = true;
    this.#stopWaiting();
    this.#ready?.resolve();
    this.#ready = undefined;
  }

  end(error: ChannelError): void {
    this.#stopWaiting();
    this.#error = error;
    this.#ready?.reject(error);
  }

  #stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
