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
  /** Sends a Ping; the token must be encoded at once. */
  readonly sendPing: (token: Uint8Array, custody: boolean) => void;
  readonly onSilence: () => void;
}

/** What a Pong tells. */
export interface Pong {
  /** Round trip. */
  readonly ms: number;
  /** The peer has processed everything that was sent before the Ping (RFC 8323 5.4.1). */
  readonly custody: boolean;
}

interface Waiting {
  readonly sentAt: number;
  readonly resolve: (pong: Pong) => void;
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

  /** @throws what `stop` is given, when that comes first. */
  ping(custody: boolean): Promise<Pong> {
    return new Promise((resolve, reject) => {
      // A peer that answers none does not fill the table.
      if (this.#pings.size >= MAX_PINGS) this.#pings.takeOldest()?.reject(new Error('no Pong'));
      this.#options.sendPing(this.#pings.reserve(), custody);
      const sentAt = this.#options.clock.monotonic();
      this.#pings.hold({ sentAt, resolve, reject });
      this.#expectSoon(sentAt);
    });
  }

  /**
   * A Pong came; one that nobody waits for was heard, and that is all. A peer that does not give the
   * token back, as libcoap 4.3.1, answers in order: its Pong is that of the oldest Ping.
   */
  pong(token: Uint8Array, custody: boolean): void {
    const waiting = token.length === 0 ? this.#pings.takeOldest() : this.#pings.take(token);
    waiting?.resolve({ ms: this.#options.clock.monotonic() - waiting.sentAt, custody });
  }

  /** Ends it: no timer is left, and every ping rejects with `error`. */
  stop(error: Error): void {
    this.#timer?.cancel();
    for (const { reject } of this.#pings.takeAll()) reject(error);
  }

  /** Its Pong must not pass for that of a later Ping. A peer that answers none does not fill the table. */
  #probe(now: number): void {
    this.#options.sendPing(this.#pings.reserve(), false);
    if (this.#pings.size < MAX_PINGS) {
      this.#pings.hold({ sentAt: now, resolve: ignore, reject: ignore });
    }
    this.#expectSoon(now);
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
    const { clock, keepaliveMs, pongTimeoutMs, isDeaf, onSilence } = this.#options;
    if (isDeaf()) this.heard();
    const now = clock.monotonic();
    const dueAt =
      this.#probedAt === undefined ? this.#heardAt + keepaliveMs : this.#probedAt + pongTimeoutMs;
    if (now < dueAt) this.#arm(dueAt - now);
    else if (this.#probedAt !== undefined) onSilence();
    else this.#probe(now);
  };
}

/** Pings without a Pong beyond which another probe is not kept in mind. */
const MAX_PINGS = 64;
const ignore = (): void => {};
