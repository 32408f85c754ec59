/** One UE as the NAF sees it: what waits for it, and the layer over which that goes, or the next one. */
import type { TriggerAddress } from '../codec/address.ts';
import { PushError, type GbaError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import { Appointment } from '../lib/appointment.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { Announcement } from './announcer.ts';
import { NO_STAGES, type Entry, type Outcome } from './entry.ts';
import type { Layer } from './layer.ts';
import { NextLayer, type NextLayerDevice, type NextLayerTerms } from './next-layer.ts';
import { Outbox } from './outbox.ts';
import type { LayerDevice } from './pushes.ts';
import { Renewal, type RenewalDevice, type RenewalTerms } from './renewal.ts';

/** One for all UEs of a NAF: ten thousand of them hold it once. */
export interface DeviceTerms extends NextLayerTerms, RenewalTerms {
  /** UE_Trp when nobody has said a better one; undefined: wait for the UE to dial. */
  readonly triggerAddress: (impi: Impi) => TriggerAddress | undefined;
  /** Pushes that may wait at once. */
  readonly queueLimit: number;
}

export class Device implements LayerDevice, NextLayerDevice, RenewalDevice {
  readonly impi: Impi;
  readonly #terms: DeviceTerms;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #renewal: Renewal;
  /** What the last bootstrap took, ms. */
  #bootstrapMs = 0;
  #triggerAddress: TriggerAddress | undefined;
  #layer: Layer | undefined;
  /** Made when one is needed; gone when a layer opens. */
  #next: NextLayer | undefined;
  /** When the last layer was lost, monotonic ms. */
  #lostAt: number | undefined;
  /** The next deadline of what waits; made when first something does. */
  #expiry: Appointment | undefined;
  /** The end of the next "not now"; made with the first. */
  #release: Appointment | undefined;
  #whenRoom: (() => void)[] | undefined;
  #choked = false;
  #stopped = false;

  constructor(impi: Impi, terms: DeviceTerms) {
    this.impi = impi;
    this.#terms = terms;
    this.#clock = terms.clock;
    this.#outbox = new Outbox(impi);
    this.#triggerAddress = terms.triggerAddress(impi);
    this.#renewal = new Renewal(this, terms);
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
    if (this.#outbox.queued >= this.#terms.queueLimit) {
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
    while (this.#outbox.queued >= this.#terms.queueLimit) {
      await new Promise<void>((resolve) => (this.#whenRoom ??= []).push(resolve));
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
    if (this.#stopped || at === (this.#release?.at ?? Infinity)) return;
    this.#release ??= new Appointment(this.#clock, () => {
      this.pump();
    });
    this.#release.set(at, now);
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
  attach(layer: Layer, triggerAddress?: TriggerAddress): void {
    const { bTid, via } = layer;
    const [older, next] = [this.#layer, this.#nextLayer];
    const now = this.#clock.monotonic();
    const stages = next.stagesOf(layer, now);
    const { bsf, trigger, handshake } = stages;
    if (next.hasAnnounced(bTid)) this.#bootstrapMs = bsf + trigger + handshake;
    // Nothing has waited for a layer that was made beside another.
    layer.serve(now, older === undefined || older.releasing ? stages : NO_STAGES);
    this.#next = undefined;
    this.#triggerAddress = triggerAddress ?? this.#triggerAddress;
    this.#layer = layer;
    next.endSearch();
    publish('gba:layer:opened', { bTid, impi: this.impi, via, ms: handshake });
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
    const freed = this.#outbox.told(entry, outcome, now);
    if (outcome.kind === 'not-now') {
      this.#expireAt(entry.deadline);
      this.#pumpWhenReleased(now);
    } else if (freed) this.pump(now);
  }

  /** A layer's own: later pushes of that urgency wait for this one. */
  takesLong(entry: Entry): void {
    this.#outbox.takesLong(entry);
  }

  /** A layer's own: it ends before the push is out whole. */
  takeBack(entry: Entry): void {
    this.#takeBack([entry]);
    this.pump();
  }

  refused(entry: Entry, detail: string): void {
    this.#outbox.refuse(entry, this.#clock.monotonic(), detail);
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#release?.cancel();
    this.#renewal.rest();
    this.#next?.endSearch();
  }

  /** Ends what waits; `error` says why. Layers are closed before. */
  drop(error: GbaError): void {
    this.#next?.endSearch();
    this.#expiry?.cancel();
    this.#outbox.dropAll(this.#clock.monotonic(), error);
    this.#tellRoom();
  }

  #tellRoom(): void {
    const waiting = this.#whenRoom;
    if (waiting === undefined || this.#outbox.queued >= this.#terms.queueLimit) return;
    this.#whenRoom = undefined;
    for (const resolve of waiting) resolve();
  }

  get #nextLayer(): NextLayer {
    return (this.#next ??= new NextLayer(this, this.#terms, this.#renewal));
  }

  #seek(): void {
    if (this.#nextLayer.sought) return;
    this.#nextLayer.seek({
      triggerAddress: this.#triggerAddress,
      lostAt: this.#lostAt ?? -Infinity,
      released: this.#layer?.keyEnds === true,
    });
  }

  /** An announcement leaves for the first time. */
  onAnnounced(announcement: Announcement): void {
    this.#nextLayer.onAnnounced(announcement);
  }

  /** The layer takes no more pushes: another one is looked for, if need be. */
  onReleased(): void {
    this.pump();
  }

  #expireAt(deadline: number): void {
    if (deadline >= (this.#expiry?.at ?? Infinity)) return;
    this.#expiry ??= new Appointment(this.#clock, () => {
      this.#expire();
    });
    this.#expiry.set(deadline);
  }

  #expire(): void {
    this.#expiry?.cancel();
    this.#expireAt(this.#outbox.expire(this.#clock.monotonic()));
    if (this.#outbox.queued === 0) this.#next?.endSearch();
    this.#tellRoom();
  }

  #takeBack(entries: readonly Entry[]): void {
    this.#outbox.putBack(entries);
    this.#expire();
  }
}
