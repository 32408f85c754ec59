/** Is the peer still there: Ping, Pong, and what silence means (RFC 8323 5.4). */
import type { Duplex } from 'node:stream';
import type { OutgoingMessage } from '../codec/coap.ts';
import type { Timer } from '../lib/clock.ts';
import type { ChannelSettings } from './channel-types.ts';
import type { Ending } from './ending.ts';
import { ping } from './signalling.ts';
import { TokenTable } from './token-table.ts';

export interface KeepaliveOptions {
  /** Paused, it is not read, so that silence says nothing. */
  readonly socket: Duplex;
  /** Gets the Pings. */
  readonly writer: { add(message: OutgoingMessage): void };
  /** Decides that the channel is over. */
  readonly ending: Pick<Ending, 'decide'>;
  readonly settings: Pick<ChannelSettings, 'clock' | 'keepaliveMs' | 'pongTimeoutMs'>;
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
  readonly #socket: Duplex;
  readonly #writer: KeepaliveOptions['writer'];
  readonly #ending: KeepaliveOptions['ending'];
  readonly #settings: KeepaliveOptions['settings'];
  /** Those that are out; made with the first: ten thousand channels that idle have none. */
  #pings: TokenTable<Waiting> | undefined;
  #heardAt: number;
  /** Since when a Ping is out and nothing at all was heard. */
  #probedAt: number | undefined;
  #timer: Timer | undefined;

  constructor({ socket, writer, ending, settings }: KeepaliveOptions) {
    this.#socket = socket;
    this.#writer = writer;
    this.#ending = ending;
    this.#settings = settings;
    this.#heardAt = settings.clock.monotonic();
    this.#arm(this.#keepaliveMs);
  }

  /** The peer sent something. Anything counts, not only a Pong. */
  heard(): void {
    this.#heardAt = this.#settings.clock.monotonic();
    this.#probedAt = undefined;
  }

  /** @throws what `stop` is given, when that comes first. */
  ping(custody: boolean): Promise<Pong> {
    return new Promise((resolve, reject) => {
      // A peer that answers none does not fill the table.
      if (this.#isFull) this.#pings?.takeOldest()?.reject(new Error('no Pong'));
      this.#send(custody, { resolve, reject });
    });
  }

  /**
   * A Pong came; one that nobody waits for was heard, and that is all. A peer that does not give the
   * token back, as libcoap 4.3.1, answers in order: its Pong is that of the oldest Ping.
   */
  pong(token: Uint8Array, custody: boolean): void {
    const waiting = token.length === 0 ? this.#pings?.takeOldest() : this.#pings?.take(token);
    waiting?.resolve({ ms: this.#settings.clock.monotonic() - waiting.sentAt, custody });
  }

  /** Ends it: no timer is left, and every ping rejects with `error`. */
  stop(error: Error): void {
    this.#timer?.cancel();
    for (const { reject } of this.#pings?.takeAll() ?? []) reject(error);
  }

  get #keepaliveMs(): number {
    return this.#settings.keepaliveMs ?? 120_000;
  }

  get #pongTimeoutMs(): number {
    return this.#settings.pongTimeoutMs ?? 15_000;
  }

  get #isFull(): boolean {
    return this.#pings !== undefined && this.#pings.size >= MAX_PINGS;
  }

  /** Sends a Ping, and expects a sign of life from then on; without `waiter` it is not kept in mind. */
  #send(custody: boolean, waiter?: Omit<Waiting, 'sentAt'>): void {
    this.#pings ??= new TokenTable();
    this.#writer.add(ping(this.#pings.reserve(), custody));
    const sentAt = this.#settings.clock.monotonic();
    if (waiter) this.#pings.hold({ sentAt, ...waiter });
    if (this.#probedAt !== undefined) return;
    this.#probedAt = sentAt;
    this.#arm(this.#pongTimeoutMs);
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#settings.clock.after(ms, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    if (this.#socket.isPaused()) this.heard();
    const now = this.#settings.clock.monotonic();
    const dueAt =
      this.#probedAt === undefined
        ? this.#heardAt + this.#keepaliveMs
        : this.#probedAt + this.#pongTimeoutMs;
    if (now < dueAt) this.#arm(dueAt - now);
    // The Pong of a probe must not pass for that of a later Ping.
    else if (this.#probedAt === undefined) this.#send(false, this.#isFull ? undefined : NOBODY);
    else {
      this.#ending.decide({ reason: 'keepalive-timeout' });
      this.#socket.destroy();
    }
  };
}

/** Pings without a Pong beyond which another probe is not kept in mind. */
const MAX_PINGS = 64;
const ignore = (): void => {};
const NOBODY: Omit<Waiting, 'sentAt'> = { resolve: ignore, reject: ignore };
