/** One association at the UE: keeps a layer open to its NAF for as long as the key is valid. */
import { GbaError, reasonOf } from '../errors.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Turns } from '../lib/turns.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import type { dialPsk } from '../net/psk-client.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import { exportWakeKey } from '../net/wake-key.ts';
import type { LiveSa } from '../sa/association.ts';
import type { SaSessions } from '../sa/sessions.ts';
import type { Delivery } from './delivery.ts';
import { UeLayer, type UeLayerOptions } from './layer.ts';

export interface SessionOptions {
  readonly sa: LiveSa;
  readonly clock: Clock;
  readonly policy: TlsPolicy;
  /** See `sessions` of `DialPskOptions`. */
  readonly tlsSessions?: SaSessions | undefined;
  /** The allowed addresses of the NAF, asked for again before each dial. @throws GbaError. */
  readonly addresses: () => Promise<readonly Endpoint[]>;
  /** Of those that dial this NAF: a dial has its turn until the NAF has answered the registration. */
  readonly turns: Turns;
  readonly delivery: Delivery;
  /** Where triggers reach this UE, for the NAF to know. */
  readonly triggerAddress: string | undefined;
  readonly keepaliveMs: number;
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  /** Opens a layer. */
  readonly dial: typeof dialPsk;
  /** The NAF offers a new key. */
  readonly onOffer: UeLayerOptions['onOffer'];
  /** A layer is open: the NAF has answered the registration. K_wake is the callee's; absent when the layer is gone. */
  readonly onOpen: (wakeKey: Uint8Array | undefined) => void;
  /** A layer is gone, or a dial failed. */
  readonly onParked: (reason: string) => void;
  /** A dial failed because the NAF does not take the key; `onParked` follows. */
  readonly onRefused?: () => void;
  /** The NAF ended the association. */
  readonly onForget: () => void;
}

export class Session {
  readonly sa: LiveSa;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  #layer: UeLayer | undefined;
  #endPause: (() => void) | undefined;
  /** The NAF has called, and no dial has begun since. */
  #called = false;
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

  /**
   * The NAF has no layer of this association: dials at once. A layer that seems open is dead over there,
   * and ends; a dial that is under way goes on, and when it fails the next one does not wait.
   */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    this.#called = true;
    if (this.#layer?.registered === true) this.#layer.cut();
    this.#endPause?.();
  }

  /** Answers what is at work and what the NAF sends before it hears of it, then ends the layer; no new one follows. */
  async drain(): Promise<void> {
    this.#end();
    await this.#layer?.drain();
    await this.ended;
  }

  /** Ends the layer at once; no new one follows. */
  close(): void {
    this.#end();
    this.#layer?.close();
  }

  /** No new layer follows. */
  #end(): void {
    this.#stop.abort();
    this.#endPause?.();
  }

  /**
   * Dial, serve until the layer is gone, dial again: at once after a layer that lasted, later and later
   * after failures, and after layers that end soon. Only a registration makes up for failures. A NAF
   * that asks to be left alone for a while is.
   */
  async #keepOpen(): Promise<void> {
    const { onParked, onRefused } = this.#options;
    const { signal } = this.#stop;
    let [failures, brief] = [0, 0];
    while (!signal.aborted) {
      let stayAwayMs = 0;
      failures += 1;
      try {
        const { reason, registered, lastedMs, ...served } = await this.#once(signal);
        stayAwayMs = served.stayAwayMs;
        if (registered) {
          failures = 0;
          brief = lastedMs < LASTING_MS ? brief + 1 : 0;
        }
        onParked(reason);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof GbaError && error.code === 'ERR_CHANNEL_REFUSED') onRefused?.();
        onParked(reasonOf(error));
      }
      await this.#pause(Math.max(0, stayAwayMs) + retryMs(Math.max(failures, brief)));
    }
  }

  /** With a signal of its own: each one joined to one that lasts would stay with it in memory. */
  async #pause(ms: number): Promise<void> {
    const pause = new AbortController();
    this.#endPause = () => {
      pause.abort();
    };
    if (this.#called || this.#stop.signal.aborted) pause.abort();
    await sleep(this.#options.clock, ms, pause.signal).catch(() => undefined);
    this.#endPause = undefined;
    this.#called = false;
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
    const { sa, clock, policy, tlsSessions, addresses, dangerouslyLogKeys, dial } = this.#options;
    const keylog = dangerouslyLogKeys && { keylog: dangerouslyLogKeys };
    const rest = { sa, policy, clock, signal, sessions: tlsSessions, ...keylog };
    let last: unknown;
    for (const address of await addresses()) {
      const to = formatEndpoint(address);
      publish('gba:dial:started', { bTid: sa.bTid, to });
      try {
        return await dial({ ...address, ...rest });
      } catch (error) {
        last = error;
        const code = error instanceof GbaError ? error.code : 'aborted';
        publish('gba:dial:failed', { bTid: sa.bTid, to, code, reason: reasonOf(error) });
      }
    }
    throw last;
  }

  /** Resolves when the layer is gone. */
  async #serve(secured: SecuredSocket, onRegistered: () => void): Promise<Served> {
    const { sa, clock, delivery, triggerAddress, keepaliveMs, onOpen } = this.#options;
    const isFirst = this.#layers === 0 && sa.state === 'announced';
    const first = sa.pTid === undefined ? 'ue-initiated' : 'bootstrap';
    this.#layers += 1;
    const layer = new UeLayer({
      secured,
      clock,
      delivery,
      via: isFirst ? first : secured.resumed ? 'resume' : 'reconnect',
      triggerAddress,
      keepaliveMs,
      recordPerMessage: this.#options.dangerouslyLogKeys !== undefined,
      onRegistered: () => {
        this.#called = false;
        onRegistered();
        onOpen(exportWakeKey(secured.socket));
      },
      onOffer: this.#options.onOffer,
      onForget: () => {
        this.#end();
        this.#options.onForget();
      },
    });
    this.#layer = layer;
    const { reason, diagnostic } = await layer.closed;
    this.#layer = undefined;
    publish('gba:layer:closed', { bTid: sa.bTid, reason: diagnostic ?? reason });
    const { registered, openedAt, stayAwayUntil } = layer;
    const now = clock.monotonic();
    return { reason, registered, lastedMs: now - openedAt, stayAwayMs: stayAwayUntil - now };
  }
}

/** How a layer went. */
interface Served {
  readonly reason: string;
  readonly registered: boolean;
  readonly lastedMs: number;
  /** For how long the NAF does not want to be dialled, if that is above 0. */
  readonly stayAwayMs: number;
}

/** Soon after a layer, later and later after failures; never all UEs of a fleet at once. */
function retryMs(failures: number): number {
  const longest = Math.min(SOON_MS * 2 ** failures, LATEST_MS);
  return longest * (failures === 0 ? Math.random() : 0.5 + Math.random() / 2);
}

/** A layer that ends sooner may be a NAF that ends each of them. */
const LASTING_MS = 5_000;
const SOON_MS = 50;
const LATEST_MS = 60_000;
