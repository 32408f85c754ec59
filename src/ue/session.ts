/** One association at the UE: keeps a layer open to its NAF for as long as the key is valid. */
import { CODE, type CoapMessage } from '../codec/coap.ts';
import {
  bare,
  isForget,
  isPush,
  parsePushRequest,
  pushAnswer,
  registration,
  type PushMessage,
} from '../codec/push.ts';
import { ChannelError, GbaError, reasonOf } from '../errors.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Turns } from '../lib/turns.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { Channel } from '../net/channel.ts';
import type { Respond } from '../net/channel-types.ts';
import { dialPsk } from '../net/psk-client.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import type { LiveSa } from '../sa/association.ts';
import type { Delivery, Push } from './delivery.ts';

export interface SessionOptions {
  readonly sa: LiveSa;
  readonly clock: Clock;
  readonly policy: TlsPolicy;
  /** The allowed addresses of the NAF, asked for again before each dial. @throws GbaError. */
  readonly addresses: () => Promise<readonly Endpoint[]>;
  /** Of those that dial this NAF: a dial has its turn until the NAF has answered the registration. */
  readonly turns: Turns;
  readonly delivery: Delivery;
  /** Where triggers reach this UE, for the NAF to know. */
  readonly triggerAddress: string | undefined;
  readonly keepaliveMs: number;
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  /** A layer is open. */
  readonly onOpen: () => void;
  /** A layer is gone, or a dial failed. */
  readonly onParked: (reason: string) => void;
  /** The NAF ended the association. */
  readonly onForget: () => void;
}

/** A push and its headers must fit: 64 KiB of payload and room for the options. */
const MAX_INBOUND_OCTETS = 65_536 + 1_024;

export class Session {
  readonly sa: LiveSa;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  #channel: Channel | undefined;
  #layers = 0;
  #dialling = false;

  constructor(options: SessionOptions) {
    this.sa = options.sa;
    this.#options = options;
    this.ended = this.#keepOpen();
  }

  /** Its dial has its turn: it may be about to serve. */
  get dialling(): boolean {
    return this.#dialling;
  }

  /** Answers what is at work and what the NAF sends before it hears of it, then ends the layer; no new one follows. */
  async drain(): Promise<void> {
    this.#stop.abort();
    await this.#channel?.drain({ withinMs: FAREWELL_MS });
    await this.ended;
  }

  /** Ends the layer at once; no new one follows. */
  close(): void {
    this.#stop.abort();
    void this.#channel?.close();
  }

  /**
   * Dial, serve until the layer is gone, dial again: at once after a layer that lasted, later and later
   * after failures, and after layers that end soon. Only a registration makes up for failures.
   */
  async #keepOpen(): Promise<void> {
    const { clock, onParked } = this.#options;
    const { signal } = this.#stop;
    let [failures, brief] = [0, 0];
    while (!signal.aborted) {
      failures += 1;
      try {
        const { reason, registered, lastedMs } = await this.#once(signal);
        if (registered) {
          failures = 0;
          brief = lastedMs < LASTING_MS ? brief + 1 : 0;
        }
        onParked(reason);
      } catch (error) {
        if (signal.aborted) return;
        onParked(reasonOf(error));
      }
      await sleep(clock, retryMs(Math.max(failures, brief)), signal).catch(() => undefined);
    }
  }

  /** @throws GbaError when no layer opens; the signal's reason. */
  async #once(signal: AbortSignal): Promise<Served> {
    const endTurn = await this.#options.turns.take(signal);
    this.#dialling = true;
    const onRegistered = (): void => {
      this.#dialling = false;
      endTurn();
    };
    try {
      const secured = await this.#dial(signal);
      if (signal.aborted) secured.socket.destroy();
      signal.throwIfAborted();
      return await this.#serve(secured, onRegistered);
    } finally {
      onRegistered();
    }
  }

  async #dial(signal: AbortSignal): Promise<SecuredSocket> {
    const { sa, clock, policy, addresses, dangerouslyLogKeys } = this.#options;
    const keylog = dangerouslyLogKeys && { keylog: dangerouslyLogKeys };
    let last: unknown;
    for (const address of await addresses()) {
      const to = formatEndpoint(address);
      publish('gba:dial:started', { bTid: sa.bTid, to });
      try {
        return await dialPsk({ ...address, sa, policy, clock, signal, ...keylog });
      } catch (error) {
        last = error;
        const code = error instanceof GbaError ? error.code : 'aborted';
        publish('gba:dial:failed', { bTid: sa.bTid, to, code, reason: reasonOf(error) });
      }
    }
    throw last;
  }

  /** Resolves when the layer is gone. */
  async #serve({ socket }: SecuredSocket, onRegistered: () => void): Promise<Served> {
    const { sa, clock, keepaliveMs, triggerAddress, onOpen, delivery } = this.#options;
    let via: Push['via'] =
      this.#layers === 0 && sa.state === 'announced' ? 'bootstrap' : 'reconnect';
    this.#layers += 1;
    const openedAt = clock.monotonic();
    let registered = false;
    const onRequest = (request: CoapMessage, respond: Respond): void => {
      if (isPush(request)) {
        const push = pushUnder(sa, parsePushRequest(request), via);
        via = 'reuse';
        delivery.submit(push, (answer) => {
          respond(pushAnswer(answer));
        });
      } else if (isForget(request)) {
        respond(bare(CODE.DELETED));
        this.#stop.abort();
        this.#options.onForget();
      } else {
        respond(bare(CODE.NOT_FOUND));
      }
    };
    const channel = new Channel({
      socket,
      clock,
      maxMessageSize: MAX_INBOUND_OCTETS,
      keepaliveMs,
      recordPerMessage: this.#options.dangerouslyLogKeys !== undefined,
      onRequest,
      onRelease: () => void channel.drain(),
    });
    this.#channel = channel;
    const patience = clock.after(REGISTRATION_MS, () => void channel.close());
    channel.request(registration(triggerAddress), (outcome) => {
      patience.cancel();
      if (outcome instanceof ChannelError) return;
      if (outcome.code !== CODE.CHANGED) return void channel.close();
      registered = true;
      onRegistered();
      onOpen();
    });
    const { reason, diagnostic } = await channel.closed;
    this.#channel = undefined;
    publish('gba:layer:closed', { bTid: sa.bTid, reason: diagnostic ?? reason });
    return { reason, registered, lastedMs: clock.monotonic() - openedAt };
  }
}

/** How a layer went. */
interface Served {
  readonly reason: string;
  readonly registered: boolean;
  readonly lastedMs: number;
}

/** Field by field: spreading an object costs more than all else that is done with a small push. */
function pushUnder({ nafFqdn, bTid }: LiveSa, message: PushMessage, via: Push['via']): Push {
  const { id, urgency, ttlSeconds, seq, contentFormat, payload } = message;
  return { id, urgency, ttlSeconds, seq, contentFormat, payload, nafFqdn, bTid, via };
}

/** Soon after a layer, later and later after failures; never all UEs of a fleet at once. */
function retryMs(failures: number): number {
  const longest = Math.min(SOON_MS * 2 ** failures, LATEST_MS);
  return longest * (failures === 0 ? Math.random() : 0.5 + Math.random() / 2);
}

/** How long a NAF may take to answer the registration. */
const REGISTRATION_MS = 10_000;
/** For the NAF to end a layer that is released, after what it sent before it heard of that. */
const FAREWELL_MS = 1_000;
/** A layer that ends sooner may be a NAF that ends each of them. */
const LASTING_MS = 5_000;
const SOON_MS = 50;
const LATEST_MS = 60_000;
