/** The pushes that are out over one layer: each is sent as the UE takes them, and has its outcome in the end. */
import type { Block } from '../codec/block.ts';
import { CODE } from '../codec/coap.ts';
import { bare } from '../codec/push.ts';
import { reasonOf } from '../errors.ts';
import { Line } from '../lib/line.ts';
import type { Respond } from '../net/channel-types.ts';
import {
  NO_STAGES,
  stagesWithin,
  type Entry,
  type Outcome,
  type StageTimes,
  type Via,
} from './entry.ts';
import type { ModeLayer, PushMode } from './mode.ts';
import { ObserveMode, type ObserveModeOptions, type Registration } from './observe-mode.ts';
import { PutMode, type PutChannel } from './put-mode.ts';

/** Whose layer it is: what waits for its UE. */
export interface LayerDevice {
  /** What became of a push that is out. */
  told(entry: Entry, outcome: Outcome): void;
  /** Later ones of its urgency wait until this one has an outcome, or is taken back. */
  takesLong(entry: Entry): void;
  /** It goes out again over the next layer. */
  takeBack(entry: Entry): void;
  /** The push cannot go over this layer at all, e.g. it is larger than what the UE takes. */
  refused(entry: Entry, detail: string): void;
}

/** A line itself: of ten thousand idle layers each has one object less. */
export class Pushes extends Line<Entry> implements ModeLayer {
  readonly #device: LayerDevice;
  #mode: PushMode;
  /** What the next push tells of the layer; the first one tells how that came to be. */
  #via: Via;
  #stages = NO_STAGES;
  /** Monotonic ms. */
  #openedAt = 0;
  #whenSettled: (() => void)[] | undefined;
  /** Those that take many messages; maybe some that have gone. */
  #long: readonly Entry[] = NONE;

  /** By PUT, until the UE says otherwise. `via` is how its layer came to be. */
  constructor(channel: PutChannel, device: LayerDevice, via: Exclude<Via, 'reuse'>) {
    super();
    this.#device = device;
    this.#mode = new PutMode(channel, this);
    this.#via = via;
  }

  /** False while the UE takes no push although the channel would. */
  get ready(): boolean {
    return this.#mode.ready;
  }

  /** True when a push went out. */
  get used(): boolean {
    return this.#via === 'reuse';
  }

  /** True when the UE takes them as notifications. */
  get observed(): boolean {
    return this.#mode instanceof ObserveMode;
  }

  /** Resolves when it may have become `ready`. */
  whenReady(): Promise<void> {
    return this.#mode.whenReady();
  }

  /** The layer opened at `openedAt`, monotonic ms, and this is what it took; said before the first push. */
  open(openedAt: number, stages: StageTimes): void {
    this.#openedAt = openedAt;
    this.#stages = stages;
  }

  /** Sends one at `now`, monotonic ms; its device is told what became of it. */
  send(entry: Entry, now: number): void {
    try {
      this.#mode.send(entry, Math.max(0, Math.ceil((entry.deadline - now) / 1_000)));
    } catch (error) {
      this.#device.refused(entry, reasonOf(error));
      return;
    }
    this.add(entry);
    entry.attempts += 1;
    entry.sentAt = now;
    entry.unanswered += 1;
    entry.via = this.#via;
    if (this.#via === 'reuse') return;
    entry.stages = stagesWithin(this.#openedAt - entry.acceptedAt, this.#stages);
    this.#via = 'reuse';
  }

  /** A mode's own: what became of a push. */
  tell(entry: Entry, outcome: Outcome): void {
    if (!this.delete(entry)) return;
    this.#device.told(entry, outcome);
    if (this.size === 0) this.#wakeSettled();
  }

  /** Some are not out whole yet: a Release would cut them short. */
  get midBody(): boolean {
    return this.#long.some((entry) => this.has(entry));
  }

  /** A mode's own. */
  takesLong(entry: Entry): void {
    this.#long = [...this.#long.filter((one) => this.has(one)), entry];
    this.#device.takesLong(entry);
  }

  /** A mode's own. */
  giveBack(entry: Entry): void {
    if (!this.delete(entry)) return;
    this.#device.takeBack(entry);
    if (this.size === 0) this.#wakeSettled();
  }

  /** Gives up all of them but those that must not go out again, which are told of: see `Layer.surrender`. */
  surrender(): readonly Entry[] {
    this.#mode.surrender();
    const entries = this.takeAll();
    this.#wakeSettled();
    return entries;
  }

  /** Resolves when all of them have their outcome, or are given up. */
  async settled(): Promise<void> {
    if (this.size > 0)
      await new Promise<void>((resolve) => (this.#whenSettled ??= []).push(resolve));
  }

  /** From here on the UE gets no PUT; what went out so before is answered all the same. */
  observe(
    registration: Registration,
    { channel, clock, endsAt }: Omit<ObserveModeOptions, 'layer'>,
  ): void {
    const mode =
      this.#mode instanceof ObserveMode
        ? this.#mode
        : new ObserveMode({ channel, clock, endsAt, layer: this });
    this.#mode = mode;
    mode.register(registration);
  }

  /** The UE asks for a later block of a notification. */
  read(block: Block, respond: Respond): void {
    if (this.#mode instanceof ObserveMode) this.#mode.read(block, respond);
    else respond(bare(CODE.NOT_FOUND));
  }

  /** The UE takes no notifications under that token any more. */
  cancel(token: string): void {
    if (this.#mode instanceof ObserveMode) this.#mode.cancel(token);
  }

  /** Tells the UE that the association is over for good. */
  forget(): Promise<void> {
    return this.#mode.forget();
  }

  #wakeSettled(): void {
    const waiting = this.#whenSettled ?? [];
    this.#whenSettled = undefined;
    for (const resolve of waiting) resolve();
  }
}

/** Of ten thousand idle layers none has any. */
const NONE: readonly Entry[] = [];
