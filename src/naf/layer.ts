/** One secure layer at the NAF: a channel under one association, and the pushes that are out on it. */
import {
  bare,
  FORGET,
  isForget,
  parsePushAnswer,
  parseRegistration,
  pushRequest,
  type PushAnswer,
} from '../codec/push.ts';
import { CODE, type CoapMessage } from '../codec/coap.ts';
import { GbaError, reasonOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { Channel } from '../net/channel.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import { NO_STAGES, stagesWithin, type Entry, type StageTimes, type Via } from './entry.ts';

export interface LayerOptions {
  readonly secured: SecuredSocket;
  readonly clock: Clock;
  readonly via: Exclude<Via, 'reuse'>;
  readonly keepaliveMs: number;
  /** Somebody watches the wire: see `ChannelOptions`. */
  readonly recordPerMessage: boolean;
  /** The UE's answer to a push that is out. */
  readonly onAnswer: (entry: Entry, answer: PushAnswer) => void;
  /** The push cannot go over this layer at all, e.g. it is larger than what the UE takes. */
  readonly onRefused: (entry: Entry, detail: string) => void;
  /** The UE said how it takes pushes, or it has been silent for as long as the standard client may be. */
  readonly onOpen: (registration: { readonly triggerAddress?: string }) => void;
}

/** How long the NAF waits for `POST /.push` before it takes a peer for one that takes PUTs. */
const REGISTRATION_MS = 1_000;
const UNREADABLE_RETRY_MS = 60_000;
/** Larger inbound frames cost memory on every connection for ever; a UE's requests are small. */
const MAX_INBOUND_OCTETS = 4_096;

export class Layer {
  readonly secured: SecuredSocket;
  readonly via: Exclude<Via, 'reuse'>;
  /** When the UE's TCP connection came, monotonic ms. */
  readonly acceptedAt: number;
  /** What it took to open this layer; set before the first push goes out. */
  stages: StageTimes = NO_STAGES;
  /** When it opened, monotonic ms; set with the stages. */
  openedAt = 0;
  readonly #clock: Clock;
  readonly #channel: Channel;
  readonly #options: LayerOptions;
  readonly #inFlight = new Set<Entry>();
  readonly #registrationTimer: Timer;
  #open = false;
  #used = false;
  #whenSettled: (() => void) | undefined;

  constructor(options: LayerOptions) {
    this.secured = options.secured;
    this.via = options.via;
    this.#clock = options.clock;
    this.#options = options;
    this.acceptedAt = this.#clock.monotonic() - options.secured.handshakeMs;
    this.#channel = new Channel({
      socket: options.secured.socket,
      clock: options.clock,
      maxMessageSize: MAX_INBOUND_OCTETS,
      keepaliveMs: options.keepaliveMs,
      recordPerMessage: options.recordPerMessage,
      // The UE may have handlers at work: it ends the layer when they have answered.
      onRelease: () => void this.#channel.drain({ withinMs: Infinity }),
      onRequest: (request, respond) => {
        const registration = parseRegistration(request);
        if (registration !== undefined) {
          respond(bare(registration.mode === 'put' ? CODE.CHANGED : CODE.BAD_REQUEST));
          if (registration.mode === 'put') this.#opened(registration.at);
        } else {
          respond(bare(isForget(request) ? CODE.METHOD_NOT_ALLOWED : CODE.NOT_FOUND));
        }
      },
    });
    this.#registrationTimer = this.#clock.after(REGISTRATION_MS, () => {
      void this.#channel.ready.then(
        () => {
          this.#opened();
        },
        () => undefined,
      );
    });
    void this.#channel.closed.then(() => {
      this.#registrationTimer.cancel();
    });
  }

  get closed(): Channel['closed'] {
    return this.#channel.closed;
  }

  /** Pushes that went out and have no answer. Once the layer is closed this no longer changes. */
  get inFlight(): ReadonlySet<Entry> {
    return this.#inFlight;
  }

  /** True while another push may go out at once. */
  get writable(): boolean {
    return this.#open && this.#channel.writable;
  }

  /** True when it takes no more pushes: it ends when those that are out are answered. */
  get releasing(): boolean {
    return this.#channel.releasing;
  }

  /** Resolves when another push may go out at once. */
  async whenWritable(): Promise<void> {
    await this.#channel.whenWritable();
  }

  /** Sends one push; its answer, or the close of the layer, tells what became of it. */
  send(entry: Entry, now: number): void {
    const ttlSeconds = Math.max(0, Math.ceil((entry.deadline - now) / 1_000));
    try {
      this.#channel.request(pushRequest(entry.push, ttlSeconds), (outcome) => {
        if (outcome instanceof GbaError || !this.#inFlight.delete(entry)) return;
        this.#options.onAnswer(entry, answerIn(outcome));
        if (this.#inFlight.size === 0) this.#whenSettled?.();
      });
    } catch (error) {
      this.#options.onRefused(entry, reasonOf(error));
      return;
    }
    this.#inFlight.add(entry);
    entry.attempts += 1;
    entry.sentAt = now;
    entry.unanswered = true;
    entry.via = this.#used ? 'reuse' : this.via;
    if (!this.#used) entry.stages = stagesWithin(this.openedAt - entry.acceptedAt, this.stages);
    this.#used = true;
  }

  /** Gives up the pushes that are out: whoever takes them answers for them, and answers here no longer count. */
  surrender(): readonly Entry[] {
    const entries = [...this.#inFlight];
    this.#inFlight.clear();
    this.#whenSettled?.();
    return entries;
  }

  /** Resolves when everything that is out is answered, or the layer is closed. */
  async settled(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    await Promise.race([
      this.closed,
      new Promise<void>((resolve) => (this.#whenSettled = resolve)),
    ]);
  }

  /** Tells the UE to forget the key, then ends the layer. */
  async forget(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#channel.request(FORGET, () => {
        resolve();
      });
    });
    await this.drain();
  }

  /** Takes no more pushes; ends when those that are out are answered, or after a while all the same. */
  async drain(): Promise<void> {
    await this.#channel.drain();
  }

  close(): void {
    void this.#channel.close();
  }

  #opened(triggerAddress?: string): void {
    if (this.#open || this.#channel.releasing) return;
    this.#open = true;
    this.#registrationTimer.cancel();
    this.#options.onOpen(triggerAddress === undefined ? {} : { triggerAddress });
  }
}

/** An answer that makes no sense is no answer for good: the push goes out again. */
function answerIn(message: CoapMessage): PushAnswer {
  try {
    return parsePushAnswer(message);
  } catch {
    return { kind: 'not-now', afterMs: UNREADABLE_RETRY_MS };
  }
}
