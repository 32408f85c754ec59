/** One secure layer at the NAF: a channel under one association, open when its UE has said how it takes pushes. */
import type { TLSSocket } from 'node:tls';
import { CODE, type CoapMessage } from '../codec/coap.ts';
import { offerRequest, parseOfferAnswer, type OfferAnswer } from '../codec/gpi-offer.ts';
import { bare } from '../codec/push.ts';
import { NOTHING_NOW, parseUeRequest } from '../codec/ue-request.ts';
import { GbaError } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import { toHex } from '../lib/bytes.ts';
import { patiently, type Clock, type Timer } from '../lib/clock.ts';
import { Channel } from '../net/channel.ts';
import type { ChannelEnd, ChannelOwner, ChannelSettings, Respond } from '../net/channel-types.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import type { Term } from '../sa/sa-table.ts';
import type { Entry, StageTimes, Via } from './entry.ts';
import { Pushes, type LayerDevice } from './pushes.ts';

/** Who made it. */
export interface LayerOwner {
  /** The UE itself has said that it takes PUTs, for the first time; it does not know yet that this is known. */
  onTakesPuts(layer: Layer): void;
  /** The UE said how it takes pushes, and maybe where; or it has been silent for as long as the standard client may be. */
  onOpen(layer: Layer, triggerAddress: string | undefined): void;
  /** It is gone. */
  onClosed(layer: Layer, end: ChannelEnd): void;
}

export interface LayerOptions {
  readonly secured: SecuredSocket;
  /** When the key ends. */
  readonly term: Term;
  readonly via: Exclude<Via, 'reuse'>;
  readonly device: LayerDevice;
  readonly owner: LayerOwner;
  readonly settings: ChannelSettings;
}

/** Larger inbound frames cost memory on every connection for ever; a UE's requests are small. */
export const MAX_INBOUND_OCTETS = 4_096;

/** For the UE to answer what is out, when the layer is to end; never longer than the key. */
const DRAIN_MS = 5_000;
/** For the UE to hear that its key was revoked. */
const REVOKED_MS = 100;
/** How long the NAF waits for a word of the UE before it takes it for one that takes PUTs. */
const REGISTRATION_MS = 1_000;

export class Layer implements ChannelOwner {
  readonly socket: TLSSocket;
  readonly impi: Impi;
  /** The association whose key opened it. */
  readonly bTid: BTid;
  readonly term: Term;
  readonly via: Exclude<Via, 'reuse'>;
  /** When the UE's TCP connection came, monotonic ms. */
  readonly acceptedAt: number;
  /** Its key ends so soon that it takes no more pushes. */
  keyEnds = false;
  readonly #clock: Clock;
  readonly #owner: LayerOwner;
  readonly #channel: Channel;
  readonly #pushes: Pushes;
  /** Until it is open. */
  #registrationTimer: Timer | undefined;
  /** The UE itself has said so. */
  #takesPuts = false;
  #open = false;
  #draining = false;

  constructor({ secured, term, via, device, owner, settings }: LayerOptions) {
    const { clock } = settings;
    this.socket = secured.socket;
    this.impi = secured.sa.impi;
    this.bTid = secured.sa.bTid;
    this.term = term;
    this.via = via;
    this.#clock = clock;
    this.#owner = owner;
    this.acceptedAt = clock.monotonic() - secured.handshakeMs;
    this.#channel = new Channel({ socket: secured.socket, owner: this, settings });
    this.#pushes = new Pushes(this.#channel, device, via);
    this.#registrationTimer = clock.after(REGISTRATION_MS, () => {
      void this.#channel.ready.then(
        () => {
          this.#opened();
        },
        () => undefined,
      );
    });
  }

  get closed(): Channel['closed'] {
    return this.#channel.closed;
  }

  /** How many pushes went out and have no outcome. Once the layer is closed this no longer changes. */
  get inFlight(): number {
    return this.#pushes.size;
  }

  /** True while another push may go out at once. */
  get writable(): boolean {
    return this.#open && !this.#draining && this.#pushes.ready && this.#channel.writable;
  }

  /** True when it takes no more pushes: it ends when those that are out have their outcome. */
  get releasing(): boolean {
    return this.#draining || this.#channel.releasing;
  }

  /** True when the UE has said that it takes pushes by PUT, so that it may know offers too. */
  get takesOffers(): boolean {
    return this.#takesPuts;
  }

  /** True when a push went out over it. */
  get used(): boolean {
    return this.#pushes.used;
  }

  /** Resolves when another push may have become able to go out at once. */
  async whenWritable(): Promise<void> {
    await this.#pushes.whenReady();
    await this.#channel.whenWritable();
  }

  /** It serves from `now` on, monotonic ms; `stages` is what it took to open it, which its first push tells. */
  serve(now: number, stages: StageTimes): void {
    this.#pushes.open(now, stages);
  }

  /** Sends one push; the UE's answer, or the end of the layer, tells what became of it. */
  send(entry: Entry, now: number): void {
    this.#pushes.send(entry, now);
  }

  /**
   * Gives up the pushes that are out: whoever takes them answers for them, and answers here no longer
   * count. Those that must not go out again are told of, as far as is known, and not among them.
   */
  surrender(): readonly Entry[] {
    return this.#pushes.surrender();
  }

  /** Resolves when everything that is out has its outcome, or the layer is closed. */
  async settled(): Promise<void> {
    if (this.inFlight > 0) await Promise.race([this.closed, this.#pushes.settled()]);
  }

  /** Sends a GPI. @throws ChannelError ERR_CHANNEL_CLOSED when the layer ends first. */
  offer(envelope: Uint8Array): Promise<OfferAnswer> {
    return new Promise((resolve, reject) => {
      this.#channel.request(offerRequest(envelope), (outcome) => {
        if (outcome instanceof GbaError) reject(outcome);
        else resolve(parseOfferAnswer(outcome));
      });
    });
  }

  /** Takes no more pushes, and tells the UE to come back under this key no more: how many seconds it said. */
  releaseBeforeEnd(): number {
    const holdOffSeconds = Math.max(1, Math.ceil(this.#leftMs / 1_000));
    this.keyEnds = true;
    this.#channel.release({ diagnostic: 'the key ends', holdOffSeconds });
    return holdOffSeconds;
  }

  /** Tells the UE to forget the key, then ends the layer. */
  async forget(): Promise<void> {
    await this.#pushes.forget();
    await this.drain();
  }

  /** The key is over: tells the UE to forget it, and ends within 100 ms whatever it says. */
  revoke(): void {
    const timer = this.#clock.after(REVOKED_MS, () => {
      this.close();
    });
    void this.closed.then(() => {
      timer.cancel();
    });
    void this.forget();
  }

  /** Takes no more pushes; ends when those that are out are answered, or after a while all the same. */
  async drain(): Promise<void> {
    this.#draining = true;
    const withinMs = Math.min(DRAIN_MS, this.#leftMs);
    if (this.#pushes.midBody) await patiently(this.#clock, withinMs, this.settled());
    await this.#channel.drain({ withinMs });
  }

  close(): void {
    void this.#channel.close();
  }

  get #leftMs(): number {
    return Math.max(0, this.term.endsAt - this.#clock.monotonic());
  }

  /** The channel's own. */
  onRequest(request: CoapMessage, respond: Respond): void {
    const asked = parseUeRequest(request);
    const token = toHex(request.token);
    switch (asked.kind) {
      case 'take-puts':
        if (this.#pushes.observed) return respond(bare(CODE.CONFLICT));
        if (!this.#takesPuts) this.#owner.onTakesPuts(this);
        this.#takesPuts = true;
        respond(bare(CODE.CHANGED));
        this.#opened(asked.at);
        return;
      case 'observe':
        if (this.#takesPuts) return respond(bare(CODE.CONFLICT));
        this.#pushes.observe(
          { token, contentFormat: asked.contentFormat, exponent: asked.exponent, respond },
          { channel: this.#channel, clock: this.#clock, endsAt: this.term.endsAt },
        );
        this.#opened();
        return;
      case 'read':
        this.#pushes.read(asked.block, respond);
        return;
      case 'cancel':
        this.#pushes.cancel(token);
        respond(NOTHING_NOW);
        return;
      case 'none':
        respond(asked.answer);
    }
  }

  /** The channel's own. The UE may have handlers at work: it ends the layer when what is out has its outcome. */
  onRelease(): void {
    void this.settled().then(() => this.#channel.drain({ withinMs: Infinity }));
  }

  /** The channel's own. */
  onClosed(end: ChannelEnd): void {
    this.#stopWaiting();
    this.#owner.onClosed(this, end);
  }

  #opened(triggerAddress?: string): void {
    if (this.#open || this.#channel.releasing) return;
    this.#open = true;
    this.#stopWaiting();
    this.#owner.onOpen(this, triggerAddress);
  }

  #stopWaiting(): void {
    this.#registrationTimer?.cancel();
    this.#registrationTimer = undefined;
  }
}
