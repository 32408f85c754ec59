/** Backpressure of one channel: when a sender should wait, and when the peer is not read. */
import type { Duplex } from 'node:stream';

export interface FlowOptions {
  readonly socket: Duplex;
  /** Octets that were not written to the kernel yet. */
  readonly queued: () => number;
  /** Whether requests are taken at all, and one more should be sent now. */
  readonly mayRequest: () => 'yes' | 'later' | 'never';
  /** Reading goes on after a pause. */
  readonly onResumed: () => void;
}

export class Flow {
  readonly #options: FlowOptions;
  #readingPaused = false;
  #ended = false;
  #writers: { readonly again: Promise<void>; readonly wake: () => void } | undefined;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** Resolves when a request may be sent, or never may be again. */
  whenWritable(): Promise<void> {
    if (this.#mayWake()) return Promise.resolve();
    if (this.#writers === undefined) {
      let wake = (): void => {};
      const again = new Promise<void>((resolve) => (wake = resolve));
      this.#writers = { again, wake };
    }
    return this.#writers.again;
  }

  /** The consumer's wish; `update` carries it out. */
  set readingPaused(paused: boolean) {
    this.#readingPaused = paused;
    this.update();
  }

  /**
   * Call it when something was queued, written or settled. A peer that sends but does not read
   * our answers is not read either, so nothing here grows for ever.
   */
  update(): void {
    if (this.#writers !== undefined && this.#mayWake()) {
      this.#writers.wake();
      this.#writers = undefined;
    }
    if (this.#ended) return;
    const { socket, queued, onResumed } = this.#options;
    const pause = this.#readingPaused || queued() >= CHOKE_MARK;
    if (pause === socket.isPaused()) return;
    if (pause) {
      socket.pause();
    } else {
      onResumed();
      socket.resume();
    }
  }

  /** The channel is over: whoever waits is woken, and reading is no longer steered from here. */
  end(): void {
    this.#ended = true;
    this.update();
  }

  #mayWake(): boolean {
    return this.#options.mayRequest() !== 'later';
  }
}

/** Octets queued at which we stop reading: far beyond what answers to one window of requests take. */
const CHOKE_MARK = 262_144;
