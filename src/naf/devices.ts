/** All UEs of a NAF, each with its associations and layers. It opens no socket: layers are brought to it. */
import {
  isUnspecified,
  parseTriggerAddress,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import type { GbaError } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { ChannelEnd, ChannelSettings } from '../net/channel-types.ts';
import type { SecuredSocket } from '../net/secured-socket.ts';
import { exportWakeKey } from '../net/wake-key.ts';
import { releaseAheadMs } from '../sa/ahead.ts';
import type { Closed, LiveSa } from '../sa/association.ts';
import { SaRegistry } from '../sa/registry.ts';
import { SaSessions } from '../sa/sessions.ts';
import { announceTo, type Announcement, type AnnouncerOptions, type Resync } from './announcer.ts';
import { Device, type DeviceTerms } from './device.ts';
import { Layer, MAX_INBOUND_OCTETS, type LayerOwner } from './layer.ts';
import type { PushServerOptions } from './push-server-options.ts';
import type { Patience } from './search.ts';
import { UbArrivals } from './ub-arrivals.ts';
import { makeWake } from './wake.ts';

export interface DevicesOptions extends Omit<PushServerOptions, 'listen'> {
  /** Where this NAF listens. */
  readonly address: () => Endpoint;
  /** Aborts, with what is told to callers, when nothing more is taken. */
  readonly ended: AbortSignal;
}

const DEFAULT_PATIENCE: Patience = { triggerMs: 15_000, giveUpMs: Infinity };
/** Half of the 16 IND values that push cycles through, so that late and reordered triggers still hold. */
const MAX_ANNOUNCED = 8;
/** TLS sessions of one association: that of its layer, and one of a handshake that crosses it. */
const MAX_SESSIONS = 2;

export class Devices implements LayerOwner {
  readonly registry: SaRegistry;
  /** UEs that come by a key of their own; absent: only who was announced to is known. */
  readonly arrivals: UbArrivals | undefined;
  readonly #options: DevicesOptions;
  readonly #clock: Clock;
  readonly #announcer: AnnouncerOptions;
  readonly #terms: DeviceTerms;
  readonly #settings: ChannelSettings;
  readonly #devices = new Map<Impi, Device>();
  /** More than one of an association only while a UE that came back takes over from its dead layer. */
  readonly #layers = new Map<BTid, readonly Layer[]>();

  constructor(options: DevicesOptions) {
    const { bsf, nafFqdn, policy, clock = systemClock, binding = { version: '1.3' } } = options;
    this.#options = options;
    this.#clock = clock;
    this.registry = new SaRegistry({
      clock,
      onClosed: (sa) => {
        this.#endLayer(sa);
        this.arrivals?.closed(sa);
      },
      ...(options.saStore && { store: options.saStore }),
      ...(options.resumption === 'sa-bound' && { sessions: new SaSessions(MAX_SESSIONS) }),
    });
    this.#announcer = {
      bsf,
      clock,
      nafFqdn,
      binding,
      registry: this.registry,
      uiccOrMe: options.uiccOrMe,
      lifetimeSeconds: options.lifetimeSeconds ?? policy.keyLifetime.defaultSeconds,
      connect: () => options.advertise ?? specified(options.address()),
    };
    this.arrivals = options.acceptBootstrapped
      ? new UbArrivals({
          ...this.#announcer,
          ended: options.ended,
          endedLog: options.saStore?.ended,
        })
      : undefined;
    this.#terms = this.#deviceTerms();
    this.#settings = {
      clock,
      maxMessageSize: MAX_INBOUND_OCTETS,
      keepaliveMs: options.keepaliveMs ?? 30_000,
      recordPerMessage: options.dangerouslyLogKeys !== undefined,
    };
  }

  get layers(): Layer[] {
    return [...this.#layers.values()].flat();
  }

  of(impi: Impi): Device {
    const known = this.#devices.get(impi);
    if (known !== undefined) return known;
    const device = new Device(impi, this.#terms);
    this.#devices.set(impi, device);
    return device;
  }

  /** @throws BsfError, StoreError, AkaError for a `resync` that is not the SIM's, the reason why it ended. */
  async announce(impi: Impi, signal?: AbortSignal, resync?: Resync): Promise<Announcement> {
    const { ended } = this.#options;
    ended.throwIfAborted();
    const either = signal === undefined ? ended : AbortSignal.any([ended, signal]);
    const announcement = await announceTo(impi, this.#announcer, either, resync);
    const waiting = this.registry.of(impi).filter((sa) => sa.state === 'announced');
    for (const { bTid } of waiting.slice(0, -MAX_ANNOUNCED))
      this.registry.close(bTid, 'superseded');
    return announcement;
  }

  /** A UE has proved a key: its layer serves once it has said how it takes pushes. */
  accept(secured: SecuredSocket): void {
    const { bTid, pTid, impi } = secured.sa;
    const isFirst = this.registry.current(bTid)?.state === 'announced';
    const isOwnKey = pTid === undefined;
    const first = isOwnKey ? 'ue-initiated' : 'bootstrap';
    const via = isFirst ? first : secured.resumed ? 'resume' : 'reconnect';
    this.registry.establish(bTid);
    if (isOwnKey) this.arrivals?.proved(bTid);
    const term = this.registry.termOf(bTid) ?? { endsAt: this.#clock.monotonic(), lifetimeMs: 0 };
    const layer = new Layer({
      ...{ secured, term, via },
      device: this.of(impi),
      owner: this,
      settings: this.#settings,
    });
    this.#layers.set(bTid, [...(this.#layers.get(bTid) ?? []), layer]);
  }

  /** A layer's own, as the following two. */
  onTakesPuts({ bTid, socket }: Layer): void {
    const wakeKey = exportWakeKey(socket);
    if (wakeKey) this.registry.rekeyWake(bTid, wakeKey);
  }

  onOpen(layer: Layer, triggerAddress: string | undefined): void {
    const { impi, bTid } = layer;
    this.of(impi).attach(layer, addressIn(triggerAddress));
    this.#supersede(impi, bTid);
  }

  onClosed(layer: Layer, { reason, diagnostic }: ChannelEnd): void {
    const { impi, bTid } = layer;
    publish('gba:layer:closed', { bTid, reason: diagnostic ?? reason });
    const siblings = (this.#layers.get(bTid) ?? []).filter((other) => other !== layer);
    if (siblings.length > 0) this.#layers.set(bTid, siblings);
    else {
      this.#layers.delete(bTid);
      this.registry.park(bTid, reason);
    }
    this.of(impi).detach(layer);
  }

  /** Nothing more goes out. */
  stop(): void {
    for (const device of this.#devices.values()) device.stop();
  }

  /** Ends what waits; `error` says why. Layers are closed before. */
  drop(error: GbaError): void {
    for (const device of this.#devices.values()) device.drop(error);
  }

  #deviceTerms(): DeviceTerms {
    const { triggers, triggerAddress, bootstrap, patience, renew } = this.#options;
    const { registry } = this;
    const { connect } = this.#announcer;
    return {
      clock: this.#clock,
      triggers,
      triggerAddress: (impi) => triggerAddress?.(impi),
      announce:
        bootstrap === false
          ? undefined
          : (impi, signal, resync) => this.announce(impi, signal, resync),
      nextWake: (impi) => makeWake(impi, { registry, connect }),
      renew: renew ?? 'always',
      isAnnounced: (bTid) => registry.current(bTid)?.state === 'announced',
      canReconnect: (impi) => registry.of(impi).some((sa) => this.#mayComeBack(sa)),
      patience: { ...DEFAULT_PATIENCE, ...patience },
      queueLimit: this.#options.queueLimit ?? 100_000,
    };
  }

  /** A UE that holds a proved key dials again by itself, unless the key ends so soon that it was told not to. */
  #mayComeBack({ state, bTid }: LiveSa): boolean {
    const term = this.registry.termOf(bTid);
    if (state === 'announced' || term === undefined) return false;
    return term.endsAt - this.#clock.monotonic() > releaseAheadMs(term.lifetimeMs);
  }

  /** A proved association replaces the older ones of its UE; a younger one that waits stays. The UE does the same. */
  #supersede(impi: Impi, bTid: BTid): void {
    if (this.registry.current(bTid) === undefined) return;
    for (const sa of this.registry.of(impi)) {
      if (sa.bTid === bTid) return;
      this.registry.close(sa.bTid, 'superseded');
    }
  }

  #endLayer(sa: Closed): void {
    for (const layer of this.#layers.get(sa.bTid) ?? []) {
      if (sa.reason === 'superseded') {
        void layer.drain();
        continue;
      }
      const revoked = sa.reason === 'revoked' && !this.#options.ended.aborted;
      // At once: the UE may take a second to close its side, and what is out must not wait for that.
      if (revoked || sa.reason === 'expired') this.of(sa.impi).detach(layer);
      if (revoked) layer.revoke();
      else layer.close();
    }
  }
}

/** An address that a UE can be told. */
function specified(address: Endpoint): Endpoint | undefined {
  return isUnspecified(address.host) ? undefined : address;
}

/** What the UE says of itself; an address that is none is as good as no word. */
function addressIn(text: string | undefined): TriggerAddress | undefined {
  if (text === undefined) return undefined;
  try {
    const address = parseTriggerAddress(text);
    return address.port === 0 ? undefined : address;
  } catch {
    return undefined;
  }
}
