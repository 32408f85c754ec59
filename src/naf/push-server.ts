/** The NAF: takes pushes for any number of UEs and sees each to its outcome (design: docs/design.md). */
import {
  formatEndpoint,
  isUnspecified,
  parseTriggerAddress,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import { OCTET_STREAM, type Urgency } from '../codec/push.ts';
import { ChannelError } from '../errors.ts';
import type { BTid, Fqdn, Impi } from '../ids.ts';
import { sleep, systemClock, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsBinding, TlsPolicy } from '../lib/suites.ts';
import { listenPsk, type PskServer } from '../net/psk-server.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import type { Bsf, GbaType, TriggerSender } from '../ports.ts';
import type { Closed, LiveSa, SaStore } from '../sa/association.ts';
import { SaRegistry } from '../sa/registry.ts';
import { announceTo, type Announcement, type AnnouncerOptions, type Resync } from './announcer.ts';
import { Device } from './device.ts';
import { Layer } from './layer.ts';
import { NO_STAGES, type Receipt } from './entry.ts';
import { pushIds } from './push-ids.ts';
import type { Patience } from './search.ts';

/** What a NAF is made of, and how it behaves. */
export interface PushServerOptions {
  readonly bsf: Bsf;
  readonly triggers: TriggerSender;
  readonly policy: TlsPolicy;
  readonly nafFqdn: Fqdn;
  /** Where to listen for UEs; port 0 lets the system choose. */
  readonly listen: Endpoint;
  /**
   * Where UEs shall connect, when that is not where this listens, e.g. behind a relay. Without it, a NAF
   * on `0.0.0.0` or `::` is looked for at the address of its name, port 5684.
   */
  readonly advertise?: Endpoint;
  /** What new associations are bound to. Default TLS 1.3. */
  readonly binding?: TlsBinding;
  /** Default and limit: the policy's. */
  readonly lifetimeSeconds?: number;
  /** Where new keys shall be derived. Default: on the card when it has GBA_U, else on the ME. */
  readonly uiccOrMe?: GbaType;
  /** Where associations outlive this process; absent: they end with it. It is closed with the NAF. */
  readonly saStore?: SaStore;
  /** UE_Trp of a subscriber; undefined: wait for the UE to dial. */
  readonly triggerAddress?: (impi: Impi) => TriggerAddress | undefined;
  readonly patience?: Partial<Patience>;
  /** False: no trigger is sent; a push waits for a UE that holds the key of an announced association. */
  readonly bootstrap?: boolean;
  /** Pushes that may wait for one UE. Default 100,000. */
  readonly queueLimit?: number;
  /** Silence on a layer before it is probed, ms. Default 30,000. */
  readonly keepaliveMs?: number;
  /** Gets TLS key-log lines: whoever has them reads every push. Each message is then a TLS record of its own. */
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  readonly clock?: Clock;
}

/** How one push is to be treated. */
export interface PushOptions {
  /** Seconds for which the push is of use; 0: over an open layer now or never. Default 86,400. */
  readonly ttlSeconds?: number;
  /** Default `normal`. */
  readonly urgency?: Urgency;
  /** CoAP Content-Format number. Default 42, application/octet-stream. */
  readonly contentFormat?: number;
}

const DEFAULT_TTL_SECONDS = 86_400;
const DEFAULT_PATIENCE: Patience = { reconnectMs: 2_000, triggerMs: 15_000, giveUpMs: Infinity };
/** Half of the 16 IND values that push cycles through, so that late and reordered triggers still hold. */
const MAX_ANNOUNCED = 8;
/** For a UE to say that it has forgotten the key. */
const GOODBYE_MS = 2_000;

/** @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
export async function listenPushServer(options: PushServerOptions): Promise<PushServer> {
  const server = new PushServer(options);
  await server.listening;
  return server;
}

/** Made by `listenPushServer`. */
export class PushServer {
  readonly listening: Promise<void>;
  readonly #options: PushServerOptions;
  readonly #clock: Clock;
  readonly #registry: SaRegistry;
  readonly #announcer: AnnouncerOptions;
  readonly #devices = new Map<Impi, Device>();
  /** More than one of an association only while a UE that came back takes over from its dead layer. */
  readonly #layers = new Map<BTid, Set<Layer>>();
  readonly #ids = pushIds();
  #psk: PskServer | undefined;
  #seq = 0;
  /** Aborts, with what is told to callers, when nothing more is taken. */
  readonly #end = new AbortController();

  constructor(options: PushServerOptions) {
    const { bsf, nafFqdn, policy, clock = systemClock, binding = { version: '1.3' } } = options;
    this.#options = options;
    this.#clock = clock;
    this.#registry = new SaRegistry({
      clock,
      onClosed: (sa) => {
        this.#endLayer(sa);
      },
      ...(options.saStore && { store: options.saStore }),
    });
    this.#announcer = {
      bsf,
      clock,
      nafFqdn,
      binding,
      registry: this.#registry,
      uiccOrMe: options.uiccOrMe,
      lifetimeSeconds: options.lifetimeSeconds ?? policy.keyLifetime.defaultSeconds,
      connect: () =>
        options.advertise ?? (isUnspecified(this.address.host) ? undefined : this.address),
    };
    this.listening = listenPsk({
      ...options.listen,
      policy,
      clock,
      versions: [binding.version],
      find: (identity) => this.#registry.find(identity),
      onLayer: (secured) => {
        this.#accept(secured);
      },
      ...(options.dangerouslyLogKeys && { keylog: options.dangerouslyLogKeys }),
    }).then((psk) => {
      this.#psk = psk;
      publish('gba:naf:listening', { address: formatEndpoint(psk.address) });
    });
  }

  /** Where it listens. @throws Error before `listening` has resolved. */
  get address(): Endpoint {
    if (this.#psk === undefined) throw new Error('await listening first');
    return this.#psk.address;
  }

  /** Handshakes in which an association's own key was looked up and used. */
  get fullHandshakes(): number {
    return this.#psk?.fullHandshakes ?? 0;
  }

  /**
   * Hands one push to the UE: at most once, and the outcome is always known. `payload` is not copied.
   * @throws PushError ERR_PUSH_QUEUE_FULL, ChannelError ERR_CHANNEL_CLOSED after `close`.
   */
  push(impi: Impi, payload: Uint8Array, options: PushOptions = {}): Promise<Receipt> {
    if (this.#end.signal.aborted) return Promise.reject(this.#end.signal.reason as ChannelError);
    const {
      ttlSeconds = DEFAULT_TTL_SECONDS,
      urgency = 'normal',
      contentFormat = OCTET_STREAM,
    } = options;
    const acceptedAt = this.#clock.monotonic();
    const id = this.#ids();
    return new Promise((resolve) => {
      this.#device(impi).enqueue({
        push: { id, urgency, ttlSeconds, seq: ++this.#seq, contentFormat, payload },
        acceptedAt,
        deadline: acceptedAt + ttlSeconds * 1_000,
        attempts: 0,
        sentAt: 0,
        unanswered: false,
        via: undefined,
        stages: NO_STAGES,
        settle: resolve,
      });
    });
  }

  /** Backpressure: resolves when a push for this UE will not be refused for a full queue. */
  whenRoom(impi: Impi): Promise<void> {
    return this.#device(impi).whenRoom();
  }

  /**
   * Makes an association without sending its trigger. At most 8 of one UE wait for it at a time: the
   * oldest makes room. @throws BsfError, StoreError, ChannelError ERR_CHANNEL_CLOSED after `close`.
   */
  announce(impi: Impi, signal?: AbortSignal): Promise<Announcement> {
    return this.#announce(impi, signal);
  }

  async #announce(impi: Impi, signal?: AbortSignal, resync?: Resync): Promise<Announcement> {
    const ended = this.#end.signal;
    ended.throwIfAborted();
    const either = signal === undefined ? ended : AbortSignal.any([ended, signal]);
    const announcement = await announceTo(impi, this.#announcer, either, resync);
    const waiting = this.#registry.of(impi).filter((sa) => sa.state === 'announced');
    for (const { bTid } of waiting.slice(0, -MAX_ANNOUNCED))
      this.#registry.close(bTid, 'superseded');
    return announcement;
  }

  /** The live associations, of one UE or of all, oldest first. What they hold of keys is not for showing. */
  associations(impi?: Impi): readonly LiveSa[] {
    return impi === undefined ? this.#registry.all() : this.#registry.of(impi);
  }

  /**
   * Ends one association, or all of a UE: its keys at once, its layer within 100 ms, and nothing lets it
   * back in. Pushes that wait go by a new one. Returns how many there were.
   */
  revoke(which: BTid | Impi): number {
    const one = this.#registry.current(which as BTid);
    const found = one ? [one] : this.#registry.of(which as Impi);
    for (const { bTid } of found) this.#registry.close(bTid, 'revoked');
    return found.length;
  }

  /**
   * Sends nothing more, lets every push that is out be answered, and closes. UEs are told to forget
   * associations that end with this NAF; those in a store are for its next life.
   */
  async drain(): Promise<void> {
    this.#end.abort(new ChannelError('ERR_CHANNEL_CLOSED', 'the NAF takes no more pushes'));
    for (const device of this.#devices.values()) device.stop();
    const layers = this.#allLayers();
    await Promise.all(layers.map((layer) => layer.settled()));
    const goodbye = new AbortController();
    const patience = sleep(this.#clock, GOODBYE_MS, goodbye.signal).catch(() => undefined);
    const end = (layer: Layer) => (this.#options.saStore ? layer.drain() : layer.forget());
    await Promise.race([patience, Promise.allSettled(layers.map(end))]);
    goodbye.abort();
    await this.close();
  }

  /** Ends every layer and association at once; what has no outcome is dropped. */
  async close(): Promise<void> {
    const ended = new ChannelError(
      'ERR_CHANNEL_CLOSED',
      'the NAF was closed before an outcome was known',
    );
    this.#end.abort(ended);
    for (const device of this.#devices.values()) device.stop();
    const layers = this.#allLayers();
    if (this.#options.saStore) this.#registry.suspendAll();
    else this.#registry.closeAll('revoked');
    for (const layer of layers) layer.close();
    await Promise.all(layers.map((layer) => layer.closed));
    for (const device of this.#devices.values()) device.drop(ended);
    await Promise.all([this.#psk?.close(), this.#options.triggers.close()]);
    this.#options.saStore?.close();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(secured: SecuredSocket): void {
    const { bTid, impi } = secured.sa;
    const via = this.#registry.current(bTid)?.state === 'announced' ? 'bootstrap' : 'reconnect';
    this.#registry.establish(bTid);
    const device = this.#device(impi);
    const layer: Layer = new Layer({
      secured,
      via,
      clock: this.#clock,
      keepaliveMs: this.#options.keepaliveMs ?? 30_000,
      recordPerMessage: this.#options.dangerouslyLogKeys !== undefined,
      onOutcome: (entry, outcome) => {
        device.told(entry, outcome);
      },
      onRefused: (entry, detail) => {
        device.refused(entry, detail);
      },
      onOpen: ({ triggerAddress }) => {
        device.attach(layer, triggerAddressIn(triggerAddress));
        this.#supersede(impi, bTid);
      },
    });
    const siblings = this.#layers.get(bTid) ?? new Set();
    this.#layers.set(bTid, siblings.add(layer));
    void layer.closed.then(({ reason, diagnostic }) => {
      publish('gba:layer:closed', { bTid, reason: diagnostic ?? reason });
      siblings.delete(layer);
      if (siblings.size === 0) {
        this.#layers.delete(bTid);
        this.#registry.park(bTid, reason);
      }
      device.detach(layer);
    });
  }

  /** A proved association replaces the older ones of its UE; a younger one that waits stays. The UE does the same. */
  #supersede(impi: Impi, bTid: BTid): void {
    if (this.#registry.current(bTid) === undefined) return;
    for (const sa of this.#registry.of(impi)) {
      if (sa.bTid === bTid) return;
      this.#registry.close(sa.bTid, 'superseded');
    }
  }

  #endLayer(sa: Closed): void {
    for (const layer of this.#layers.get(sa.bTid) ?? []) {
      if (sa.reason === 'superseded') void layer.drain();
      else if (sa.reason === 'revoked' && !this.#end.signal.aborted) {
        this.#device(sa.impi).detach(layer);
        layer.revoke();
      } else layer.close();
    }
  }

  #allLayers(): Layer[] {
    return [...this.#layers.values()].flatMap((layers) => [...layers]);
  }

  #device(impi: Impi): Device {
    let device = this.#devices.get(impi);
    if (device === undefined) {
      const triggerAddress = this.#options.triggerAddress?.(impi);
      device = new Device({
        impi,
        clock: this.#clock,
        triggers: this.#options.triggers,
        triggerAddress,
        announce:
          this.#options.bootstrap === false
            ? undefined
            : (signal, resync) => this.#announce(impi, signal, resync),
        canReconnect: () => this.#registry.of(impi).some((sa) => sa.state !== 'announced'),
        patience: { ...DEFAULT_PATIENCE, ...this.#options.patience },
        queueLimit: this.#options.queueLimit ?? 100_000,
      });
      this.#devices.set(impi, device);
    }
    return device;
  }
}

/** What the UE says of itself; an address that is none is as good as no word. */
function triggerAddressIn(text: string | undefined): { triggerAddress?: TriggerAddress } {
  if (text === undefined) return {};
  try {
    const triggerAddress = parseTriggerAddress(text);
    return triggerAddress.port === 0 ? {} : { triggerAddress };
  } catch {
    return {};
  }
}
