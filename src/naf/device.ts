/** One UE as the NAF sees it: what waits for it, its open layer, and the cheapest way to get one. */
import type { TriggerAddress } from '../codec/address.ts';
import { ChannelError, GbaError, PushError, reasonOf } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import { Appointment } from '../lib/appointment.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { Announcement, Resync } from './announcer.ts';
import { NO_STAGES, type Entry, type Outcome } from './entry.ts';
import type { Layer } from './layer.ts';
import { Outbox } from './outbox.ts';
import { Renewal, type RenewalOptions, type RenewWhen } from './renewal.ts';
import { search, type SearchOptions } from './search.ts';

export interface DeviceOptions
  extends
    Omit<SearchOptions, 'triggerAddress' | 'onTrigger' | 'onWake' | 'lostAt'>,
    Pick<RenewalOptions, 'isAnnounced' | 'random'> {
  /** See `PushServerOptions`. */
  readonly renew: RenewWhen;
  /** UE_Trp when nobody has said a better one; undefined: wait for the UE to dial. */
  readonly triggerAddress: TriggerAddress | undefined;
  /** Pushes that may wait at once. */
  readonly queueLimit: number;
}

type Announce = NonNullable<SearchOptions['announce']>;

export class Device {
  readonly impi: Impi;
  readonly #options: DeviceOptions;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #renewal: Renewal;
  /** What this search has announced so far. */
  #announced: Map<BTid, { readonly bsfMs: number; readonly triggeredAt: number }> | undefined;
  /** What the last bootstrap took, ms. */
  #bootstrapMs = 0;
  #triggerAddress: TriggerAddress | undefined;
  #layer: Layer | undefined;
  /** When the last layer was lost, and when this search sent its first wake, monotonic ms. */
  #lostAt = -Infinity;
  #wokenAt = Infinity;
  #search: AbortController | undefined;
  /** The next deadline of what waits. */
  readonly #expiry: Appointment;
  /** The end of the next "not now". */
  readonly #release: Appointment;
  #whenRoom: (() => void)[] = [];
  #choked = false;
  #stopped = false;

  constructor(options: DeviceOptions) {
    this.impi = options.impi;
    this.#options = options;
    this.#clock = options.clock;
    this.#outbox = new Outbox(options.impi);
    this.#triggerAddress = options.triggerAddress;
    this.#expiry = new Appointment(this.#clock, () => {
      this.#expire();
    });
    this.#release = new Appointment(this.#clock, () => {
      this.pump();
    });
    const { impi, clock, announce, renew: when, isAnnounced, random = Math.random } = options;
    this.#renewal = new Renewal({
      impi,
      clock,
      announce,
      when,
      isAnnounced,
      random,
      onOffer: (announcement) => {
        this.#onAnnounced(announcement);
      },
      onRelease: () => {
        this.pump();
      },
    });
  }

  get layer(): Layer | undefined {
    return this.#layer;
  }

  /** Pushes without an outcome. */
  get unsettled(): number {
    return this.#outbox.queued + (this.#layer?.inFlight ?? 0);
  }

  /** Takes a push in and sees to a layer for it. @throws PushError ERR_PUSH_QUEUE_FULL. */
  enqueue(entry: Entry): void {
    if (this.#outbox.queued >= this.#options.queueLimit) {
      throw new PushError(
        'ERR_PUSH_QUEUE_FULL',
        `${this.#outbox.queued} pushes wait for ${this.impi} already: wait for some to be settled`,
        { retryable: true },
      );
    }
    if (this.#isFree(entry)) {
      this.#layer?.send(entry, entry.acceptedAt);
      return;
    }
    this.#outbox.add(entry);
    this.pump(entry.acceptedAt);
    if (this.#outbox.queued > 0) this.#expireAt(entry.deadline);
  }

  /** Nothing is before it, and nothing holds it back. */
  #isFree(entry: Entry): boolean {
    const layer = this.#layer;
    if (layer === undefined || layer.keyEnds || this.#stopped || !layer.writable) return false;
    return this.#outbox.isPassable(entry, entry.acceptedAt);
  }

  /** Resolves when another push will be taken in without being refused. */
  async whenRoom(): Promise<void> {
    while (this.#outbox.queued >= this.#options.queueLimit) {
      await new Promise<void>((resolve) => this.#whenRoom.push(resolve));
    }
  }

  /** Sends as much as may go out at `now` (monotonic ms); without a layer, looks for one. */
  pump(now = this.#clock.monotonic()): void {
    if (this.#stopped) return;
    const layer = this.#layer;
    if (layer === undefined || layer.keyEnds) {
      if (this.#outbox.queued > 0) this.#seek();
      return;
    }
    while (layer.writable) {
      const entry = this.#outbox.take(now);
      if (entry === undefined) break;
      layer.send(entry, now);
    }
    if (this.#outbox.queued > 0) {
      if (!layer.writable && !layer.releasing) this.#pumpWhenWritable(layer);
      this.#pumpWhenReleased(now);
    }
    this.#tellRoom();
  }

  /**
   * After "not now": goes on when the first urgency that waits may go out again. `now` is the moment at
   * which it might not: by a later one its time could have come between, and nobody would look again.
   */
  #pumpWhenReleased(now: number): void {
    const at = this.#outbox.releasedAt(now);
    if (at !== this.#release.at && !this.#stopped) this.#release.set(at, now);
  }

  #pumpWhenWritable(layer: Layer): void {
    if (this.#choked) return;
    this.#choked = true;
    void layer.whenWritable().then(() => {
      this.#choked = false;
      this.pump();
    });
  }

  /** A layer is open: it serves from now on. What is out on an older one goes out again, over this one. */
  attach(layer: Layer, registered: { readonly triggerAddress?: TriggerAddress }): void {
    const older = this.#layer;
    const now = this.#clock.monotonic();
    const told = this.#announced?.get(layer.secured.sa.bTid);
    const handshakeMs = now - layer.acceptedAt;
    const stages =
      layer.via === 'bootstrap' && told !== undefined
        ? { bsf: told.bsfMs, trigger: layer.acceptedAt - told.triggeredAt, handshake: handshakeMs }
        : {
            bsf: 0,
            trigger: Math.max(0, layer.acceptedAt - this.#wokenAt),
            handshake: handshakeMs,
          };
    if (told !== undefined) this.#bootstrapMs = stages.bsf + stages.trigger + stages.handshake;
    layer.openedAt = now;
    // Nothing has waited for a layer that was made beside another.
    layer.stages = older === undefined || older.releasing ? stages : NO_STAGES;
    this.#announced = undefined;
    this.#triggerAddress = registered.triggerAddress ?? this.#triggerAddress;
    this.#layer = layer;
    this.#endSearch();
    publish('gba:layer:opened', {
      bTid: layer.secured.sa.bTid,
      impi: this.impi,
      via: layer.via,
      ms: handshakeMs,
    });
    // Sent again before anything newer, they keep their order; the UE drops what it has had already.
    this.#takeBack(older?.surrender() ?? []);
    void older?.drain();
    this.#renewal.serve(layer, this.#bootstrapMs);
    this.pump();
  }

  /** A layer is gone: what was out on it without an answer goes out again on the next. */
  detach(layer: Layer): void {
    if (this.#layer === layer) {
      this.#layer = undefined;
      this.#lostAt = this.#clock.monotonic();
      this.#renewal.rest();
    }
    this.#takeBack(layer.surrender());
    this.pump();
  }

  /** A layer tells what became of a push. */
  told(entry: Entry, outcome: Outcome): void {
    const now = this.#clock.monotonic();
    this.#outbox.told(entry, outcome, now);
    if (outcome.kind !== 'not-now') return;
    this.#expireAt(entry.deadline);
    this.#pumpWhenReleased(now);
  }

  refused(entry: Entry, detail: string): void {
    this.#outbox.refuse(entry, this.#clock.monotonic(), detail);
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#release.cancel();
    this.#renewal.rest();
    this.#endSearch();
  }

  /** Ends what waits; `error` says why. Layers are closed before. */
  drop(error: GbaError): void {
    this.#endSearch();
    this.#expiry.cancel();
    this.#outbox.dropAll(this.#clock.monotonic(), error);
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.#whenRoom.length === 0 || this.#outbox.queued >= this.#options.queueLimit) return;
    for (const resolve of this.#whenRoom.splice(0)) resolve();
  }

  #seek(): void {
    if (this.#search !== undefined) return;
    const finding = new AbortController();
    this.#search = finding;
    const { announce, canReconnect } = this.#options;
    const options: SearchOptions = {
      ...this.#options,
      lostAt: this.#lostAt,
      onWake: () => {
        this.#wokenAt = this.#clock.monotonic();
      },
      triggerAddress: () => this.#triggerAddress,
      canReconnect: () => this.#layer?.keyEnds !== true && canReconnect(),
      announce: announce && ((signal, resync) => this.#announce(announce, signal, resync)),
      onTrigger: (announcement) => {
        this.#onAnnounced(announcement);
      },
    };
    search(options, finding.signal).catch((error: unknown) => {
      if (this.#search !== finding) return;
      this.drop(
        error instanceof GbaError
          ? error
          : new ChannelError('ERR_CHANNEL_REFUSED', reasonOf(error), { cause: error }),
      );
    });
  }

  /** The key that was offered inside the last layer serves as well as another one. */
  #announce(announce: Announce, signal: AbortSignal, resync?: Resync): Promise<Announcement> {
    const offered = resync === undefined ? this.#renewal.takeOffered() : undefined;
    return offered === undefined ? announce(signal, resync) : Promise.resolve(offered);
  }

  #onAnnounced({ sa, bsfMs }: Announcement): void {
    this.#announced ??= new Map();
    this.#announced.set(sa.bTid, { bsfMs, triggeredAt: this.#clock.monotonic() });
  }

  #endSearch(): void {
    this.#search?.abort();
    this.#search = undefined;
    this.#wokenAt = Infinity;
  }

  #expireAt(deadline: number): void {
    if (deadline < this.#expiry.at) this.#expiry.set(deadline);
  }

  #expire(): void {
    this.#expiry.cancel();
    this.#expireAt(this.#outbox.expire(this.#clock.monotonic()));
    if (this.#outbox.queued === 0) this.#endSearch();
    this.#tellRoom();
  }

  #takeBack(entries: readonly Entry[]): void {
    this.#outbox.putBack(entries);
    this.#expire();
  }
}
