/** Is the peer still there: Ping, Pong, and what silence means (RFC 8323 5.4). */
import type { Clock, Timer } from '../lib/clock.ts';
import { TokenTable } from './token-table.ts';

export interface KeepaliveOptions {
  readonly clock: Clock;
  /** Silence after which a Ping is sent, ms. */
  readonly keepaliveMs: number;
  /** Silence after a Ping that means the peer is gone, ms. Anything heard counts, not only the Pong. */
  readonly pongTimeoutMs: number;
  /** True while we do not read, so that silence says nothing. */
  readonly isDeaf: () => boolean;
  /** Sends a Ping without Custody; the token must be encoded at once. */
  readonly sendPing: (token: Uint8Array) => void;
  readonly onSilence: () => void;
}

interface Waiting {
  readonly sentAt: number;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: Error) => void;
}

export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #pings = new TokenTable<Waiting>();
  #heardAt: number;
  /** Since when a Ping is out and nothing at all was heard. */
  #probedAt: number | undefined;
  #timer: Timer | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    this.#arm(options.keepaliveMs);
  }

  /** The peer sent something. */
  heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#probedAt = undefined;
  }

  /** Round trip, ms. @throws what `stop` is given, when that comes first. */
  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#options.sendPing(this.#pings.reserve());
      const sentAt = this.#options.clock.monotonic();
      this.#pings.hold({ sentAt, resolve, reject });
      this.#expectSoon(sentAt);
    });
  }

  /** A Pong came; one that nobody waits for was heard, and that is all. */
  pong(token: Uint8Array): void {
    const waiting = this.#pings.take(token);
    waiting?.resolve(this.#options.clock.monotonic() - waiting.sentAt);
  }

  /** Ends it: no timer is left, and every ping rejects with `error`. */
  stop(error: Error): void {
    this.#timer?.cancel();
    for (const { reject } of this.#pings.takeAll()) reject(error);
  }

  #expectSoon(now: number): void {
    if (this.#probedAt !== undefined) return;
    this.#probedAt = now;
    this.#arm(this.#options.pongTimeoutMs);
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(ms, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    const { clock, keepaliveMs, pongTimeoutMs, isDeaf, sendPing, onSilence } = this.#options;
    if (isDeaf()) this.heard();
    const now = clock.monotonic();
    const dueAt =
      this.#probedAt === undefined ? this.#heardAt + keepaliveMs : this.#probedAt + pongTimeoutMs;
    if (now < dueAt) this.#arm(dueAt - now);
    else if (this.#probedAt !== undefined) onSilence();
    else {
      sendPing(this.#pings.reserve());
      this.#expectSoon(now);
    }
  };
}
