/** How a channel's socket ends: the reason is decided once, the peer gets a moment to close its side. */
import type { Duplex } from 'node:stream';
import { ChannelError, reasonOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { ChannelEnd } from './channel-types.ts';

export interface EndingOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  /** Runs once, when the reason is known; the socket may still be open. */
  readonly onDecided: (end: ChannelEnd) => void;
  /** The peer closed its side first: why that is. */
  readonly onPeerEnd: () => ChannelEnd;
}

export class Ending {
  /** The socket is gone. Never rejects. */
  readonly closed: Promise<ChannelEnd>;
  readonly #options: EndingOptions;
  #reason: ChannelEnd | undefined;
  #linger: Timer | undefined;

  constructor(options: EndingOptions) {
    const { socket, onPeerEnd } = options;
    this.#options = options;
    this.closed = new Promise((resolve) => {
      const onClose = (): void => {
        const end = this.decide({ reason: 'lost' });
        this.#linger?.cancel();
        resolve(end);
      };
      if (socket.closed) process.nextTick(onClose);
      else socket.once('close', onClose);
    });
    socket.on('error', (error) => this.decide({ reason: 'lost', diagnostic: reasonOf(error) }));
    socket.once('end', () => {
      this.decide(onPeerEnd());
      this.hangUp();
    });
  }

  /** Undefined as long as the channel lives. */
  get reason(): ChannelEnd | undefined {
    return this.#reason;
  }

  /** The first reason stays. */
  decide(end: ChannelEnd): ChannelEnd {
    if (this.#reason) return this.#reason;
    this.#reason = end;
    this.#options.onDecided(end);
    return end;
  }

  /** Closes our side after what is written; whatever still comes in must be dropped by its reader. */
  hangUp(): void {
    const { socket, clock } = this.#options;
    if (socket.destroyed || this.#linger) return;
    this.#linger = clock.after(LINGER_MS, () => socket.destroy());
    socket.end();
    socket.resume();
  }
}

/** What waits for an answer gets this when the channel ends. */
export function closedError(reason: string): ChannelError {
  return new ChannelError('ERR_CHANNEL_CLOSED', `the channel is closed (${reason})`, {
    retryable: true,
  });
}

/** How long a peer may take to close its side. */
const LINGER_MS = 1_000;
