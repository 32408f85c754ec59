/** How a channel's socket ends: the reason is decided once, the peer gets a moment to close its side. */
import type { Duplex } from 'node:stream';
import { ChannelError } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { defer, type Deferred } from '../lib/deferred.ts';
import type { ChannelEnd, ChannelOwner } from './channel-types.ts';

export interface EndingOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly owner: Pick<ChannelOwner, 'onClosed'>;
  /** Runs once, when the reason is known; the socket may still be open. */
  readonly onDecided: (end: ChannelEnd) => void;
}

export class Ending {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #owner: EndingOptions['owner'];
  readonly #onDecided: (end: ChannelEnd) => void;
  #reason: ChannelEnd | undefined;
  #linger: Timer | undefined;
  #isGone = false;
  #closed: Deferred<ChannelEnd> | undefined;

  constructor({ socket, clock, owner, onDecided }: EndingOptions) {
    this.#socket = socket;
    this.#clock = clock;
    this.#owner = owner;
    this.#onDecided = onDecided;
    const onClose = (): void => {
      this.#gone();
    };
    if (socket.closed) process.nextTick(onClose);
    else socket.on('close', onClose);
    // Node.js leaves a TLS socket open after an alert, or after a record that is not the peer's.
    socket.on('error', (error) => {
      this.decide({ reason: 'lost', diagnostic: shortly(error) });
      socket.destroy();
    });
  }

  /** The socket is gone. Never rejects. */
  get closed(): Promise<ChannelEnd> {
    if (this.#isGone && this.#reason) return Promise.resolve(this.#reason);
    this.#closed ??= defer();
    return this.#closed.promise;
  }

  /** Undefined as long as the channel lives. */
  get reason(): ChannelEnd | undefined {
    return this.#reason;
  }

  /** The first reason stays. */
  decide(end: ChannelEnd): void {
    if (this.#reason) return;
    this.#reason = end;
    this.#onDecided(end);
  }

  /** Closes our side after what is written; whatever still comes in must be dropped by its reader. */
  hangUp(): void {
    const socket = this.#socket;
    if (socket.destroyed || this.#linger) return;
    this.#linger = this.#clock.after(LINGER_MS, () => socket.destroy());
    socket.end();
    socket.resume();
  }

  #gone(): void {
    const end = this.#reason ?? { reason: 'lost' };
    this.decide(end);
    this.#isGone = true;
    this.#linger?.cancel();
    this.#owner.onClosed?.(end);
    this.#closed?.resolve(end);
  }
}

/** OpenSSL's own text has its addresses and lines in it. */
function shortly(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}

/** What waits for an answer gets this when the channel ends. */
export function closedError(reason: string): ChannelError {
  return new ChannelError('ERR_CHANNEL_CLOSED', `the channel is closed (${reason})`, {
    retryable: true,
  });
}

/** How long a peer may take to close its side. */
const LINGER_MS = 1_000;
