/** The end of a channel that nobody forces: when everything in flight has its answer, or soon after (RFC 8323 5.5). */
import type { Clock, Timer } from '../lib/clock.ts';

export interface DrainState {
  /** Requests of the peer that we owe an answer. */
  readonly unanswered: number;
  /** Requests of ours that have none. */
  readonly waiting: number;
  /** Who sent Release. */
  readonly releasedBy: 'us' | 'peer' | undefined;
  readonly ended: boolean;
}

export interface DrainingOptions {
  readonly clock: Clock;
  /** How it stands now. */
  readonly look: () => DrainState;
  /** Nothing is left to wait for. */
  readonly onDrained: () => void;
}

/** Made when the drain begins: a channel that only idles has none. */
export class Draining {
  readonly #options: DrainingOptions;
  /** When our requests are given up, monotonic ms. */
  #giveUpAt = Infinity;
  #timer: Timer | undefined;
  #gaveUp = false;

  constructor(options: DrainingOptions) {
    this.#options = options;
  }

  /** Gives up our own requests that have no answer then; of several calls the earliest holds. */
  giveUpWithin(ms: number): void {
    const { clock, look } = this.#options;
    const at = clock.monotonic() + ms;
    if (look().ended || at >= this.#giveUpAt) return;
    this.#giveUpAt = at;
    this.#timer?.cancel();
    this.#timer = clock.after(ms, () => {
      this.#gaveUp = true;
      this.check();
    });
  }

  /** Call it whenever something was answered or received. */
  readonly check = (): void => {
    const { unanswered, waiting, releasedBy } = this.#options.look();
    if (unanswered > 0) return;
    if (waiting > 0 && !this.#gaveUp) return;
    if (releasedBy === 'us' && !this.#gaveUp) this.giveUpWithin(FAREWELL_MS);
    else this.#options.onDrained();
  };

  /** The channel is over. */
  stop(): void {
    this.#timer?.cancel();
  }
}

/** For the peer to close, once all that we know of is answered. */
const FAREWELL_MS = 1_000;
