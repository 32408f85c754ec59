/** The UE's end of one secure layer: registers, answers what the NAF asks, until the layer is gone. */
import { parseEndpoint, type Endpoint } from '../codec/address.ts';
import { CODE } from '../codec/coap.ts';
import { OPTION } from '../codec/coap-option.ts';
import { isOffer, offerAnswer, parseOffer, type OfferAnswer } from '../codec/gpi-offer.ts';
import {
  bare,
  isForget,
  parsePush,
  pushAnswer,
  requirePlain,
  registration,
  type PushAnswer,
  type PushMessage,
} from '../codec/push.ts';
import { pushBlockAnswer, readPushBlock, type PushBlock } from '../codec/push-block.ts';
import type { ReceivedMessage } from '../codec/received.ts';
import { ChannelError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { Channel } from '../net/channel.ts';
import type { ChannelEnd, Respond } from '../net/channel-types.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import type { LiveSa } from '../sa/association.ts';
import { Bodies } from './bodies.ts';
import type { Delivery } from './delivery.ts';
import type { Push } from './push-handler.ts';

export interface UeLayerOptions {
  readonly secured: SecuredSocket;
  readonly clock: Clock;
  readonly delivery: Delivery;
  /** How the layer came to be. */
  readonly via: Push['via'];
  /** Where triggers reach this UE, for the NAF to know. */
  readonly triggerAddress: string | undefined;
  readonly keepaliveMs: number;
  /** Somebody watches the wire: see `ChannelSettings`. */
  readonly recordPerMessage: boolean;
  /** The NAF knows how this UE takes pushes. */
  readonly onRegistered: () => void;
  /** The NAF offers a new key. Never rejects. */
  readonly onOffer: (envelope: Uint8Array, from: Endpoint) => Promise<OfferAnswer>;
  /** The NAF ended the association. */
  readonly onForget: () => void;
}

export class UeLayer {
  readonly openedAt: number;
  readonly #options: UeLayerOptions;
  readonly #sa: LiveSa;
  readonly #channel: Channel;
  /** Made with the first push that comes in blocks. */
  #bodies: Bodies | undefined;
  #via: Push['via'];
  #registered = false;
  #judging = false;
  #stayAwayUntil = 0;

  constructor(options: UeLayerOptions) {
    const { secured, clock, keepaliveMs, recordPerMessage, triggerAddress } = options;
    this.#options = options;
    this.#sa = secured.sa;
    this.#via = options.via;
    this.openedAt = clock.monotonic();
    this.#channel = new Channel({
      socket: secured.socket,
      owner: {
        onRequest: (request, respond) => {
          this.#onRequest(request, respond);
        },
        onRelease: ({ holdOffSeconds = 0 }) => {
          this.#stayAwayUntil = clock.monotonic() + holdOffSeconds * 1_000;
          void this.#channel.drain();
        },
      },
      settings: { clock, maxMessageSize: MAX_INBOUND_OCTETS, keepaliveMs, recordPerMessage },
    });
    const patience = clock.after(REGISTRATION_MS, () => void this.#channel.close());
    this.#channel.request(registration(triggerAddress), (outcome) => {
      patience.cancel();
      if (outcome instanceof ChannelError) return;
      if (outcome.code !== CODE.CHANGED) return void this.#channel.close();
      this.#registered = true;
      options.onRegistered();
    });
  }

  /** The layer is gone. Never rejects. */
  get closed(): Promise<ChannelEnd> {
    return this.#channel.closed;
  }

  get registered(): boolean {
    return this.#registered;
  }

  /** Until when the NAF asked to be left alone, monotonic ms (Hold-Off, RFC 8323 5.5); 0: it did not. */
  get stayAwayUntil(): number {
    return this.#stayAwayUntil;
  }

  /** Answers what is at work and what the NAF sends before it hears of it, then ends. */
  async drain(): Promise<void> {
    await this.#channel.drain({ withinMs: FAREWELL_MS });
  }

  close(): void {
    void this.#channel.close();
  }

  /** Ends without waiting for the other end, which is dead. */
  cut(): void {
    this.close();
    this.#options.secured.socket.destroy();
  }

  #onRequest(request: ReceivedMessage, respond: Respond): void {
    const message = parsePush(request);
    if (message !== undefined) {
      const part = request.has(OPTION.BLOCK1) ? readPushBlock(request) : undefined;
      if (part !== undefined) this.#onBlock(message, part, respond);
      else {
        this.#submit(message, (answer) => {
          respond(pushAnswer(answer));
        });
      }
      return;
    }
    requirePlain(request);
    if (isForget(request)) {
      respond(bare(CODE.DELETED));
      this.#options.onForget();
    } else if (isOffer(request)) {
      this.#onOffer(parseOffer(request), respond);
    } else {
      respond(bare(CODE.NOT_FOUND));
    }
  }

  #submit(message: PushMessage, answer: (answer: PushAnswer) => void): void {
    const push = pushUnder(this.#sa, message, this.#via);
    this.#via = 'reuse';
    this.#options.delivery.submit(push, answer);
  }

  #onBlock(message: PushMessage, part: PushBlock, respond: Respond): void {
    this.#bodies ??= new Bodies(this.#options.clock);
    const taken = this.#bodies.take(message, part);
    if ('answer' in taken) return respond(taken.answer);
    const { block } = part;
    this.#submit(taken.whole, (answer) => {
      respond(pushBlockAnswer(answer, block));
    });
  }

  /** One at a time: the SIM is slow, and what waits for it is held in memory. */
  #onOffer(envelope: Uint8Array, respond: Respond): void {
    if (this.#judging) return respond(offerAnswer({ kind: 'not-now', afterMs: BUSY_MS }));
    this.#judging = true;
    const from = parseEndpoint(this.#options.secured.remote);
    // The envelope owns its octets: those of a request share the memory of all that came with it.
    void this.#options.onOffer(Uint8Array.from(envelope), from).then((answer) => {
      this.#judging = false;
      respond(offerAnswer(answer));
    });
  }
}

/** Field by field: spreading an object costs more than all else that is done with a small push. */
function pushUnder({ nafFqdn, bTid }: LiveSa, message: PushMessage, via: Push['via']): Push {
  const { id, urgency, ttlSeconds, seq, contentFormat, payload } = message;
  return { id, urgency, ttlSeconds, seq, contentFormat, payload, nafFqdn, bTid, via };
}

/** 64 KiB of payload and room for the options: what is longer comes in blocks. */
const MAX_INBOUND_OCTETS = 65_536 + 1_024;
/** How long a NAF may take to answer the registration. */
const REGISTRATION_MS = 10_000;
/** For the NAF to end a layer that is released, after what it sent before it heard of that. */
const FAREWELL_MS = 1_000;
const BUSY_MS = 1_000;
