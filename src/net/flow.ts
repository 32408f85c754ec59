/** Backpressure of one channel: when a sender should wait, and when the peer is not read. */
import type { Duplex } from 'node:stream';
import { defer, type Deferred } from '../lib/deferred.ts';

/** Whether requests are taken at all, and one more should be sent now. */
export type MayRequest = 'yes' | 'later' | 'never';

export interface FlowOptions {
  readonly socket: Duplex;
  /** Its octets were not written to the kernel yet. */
  readonly writer: { readonly queued: number };
  /** Reading that goes on after a pause is a sign of life. */
  readonly keepalive: { heard(): void };
}

export class Flow {
  readonly #socket: Duplex;
  readonly #writer: FlowOptions['writer'];
  readonly #keepalive: FlowOptions['keepalive'];
  #readingPaused = false;
  #ended = false;
  #writable: Deferred<void> | undefined;

  constructor({ socket, writer, keepalive }: FlowOptions) {
    this.#socket = socket;
    this.#writer = writer;
    this.#keepalive = keepalive;
  }

  /** Resolves when a request may be sent, or never may be again. */
  whenWritable(mayRequest: MayRequest): Promise<void> {
    if (mayRequest !== 'later') return Promise.resolve();
    this.#writable ??= defer();
    return this.#writable.promise;
  }

  /** The consumer's wish; `update` carries it out. */
  set readingPaused(paused: boolean) {
    this.#readingPaused = paused;
  }

  /**
   * Call it when something was queued, written or settled. A peer that sends but does not read
   * our answers is not read either, so nothing here grows for ever.
   */
  update(mayRequest: MayRequest): void {
    if (this.#writable !== undefined && mayRequest !== 'later') {
      this.#writable.resolve();
      this.#writable = undefined;
    }
    if (this.#ended) return;
    const pause = this.#readingPaused || this.#writer.queued >= CHOKE_MARK;
    if (pause === this.#socket.isPaused()) return;
    if (pause) {
      this.#socket.pause();
    } else {
      this.#keepalive.heard();
      this.#socket.resume();
    }
  }

  /** The channel is over: whoever waits is woken, and reading is no longer steered from here. */
  end(): void {
    this.#ended = true;
    this.update('never');
  }
}

/** Octets queued at which we stop reading: far beyond what answers to one window of requests take. */
const CHOKE_MARK = 262_144;
