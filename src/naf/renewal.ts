/** Replaces the key of the layer that serves one UE before it ends, inside that layer; then releases it. */
import type { OfferAnswer } from '../codec/gpi-offer.ts';
import { GbaError, reasonOf } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { releaseAheadMs, renewAheadMs } from '../sa/ahead.ts';
import type { Announcement, Resync } from './announcer.ts';
import type { Layer } from './layer.ts';
import { resynchroniseBy } from './trigger.ts';

/**
 * Which open layers get a new key: all that can, those over which a push went, or none. A plain CoAP
 * client, which observes, never does: it does not know the request.
 */
export type RenewWhen = 'always' | 'used' | 'never';

/** What is needed of a layer. */
export type RenewableLayer = Pick<
  Layer,
  'bTid' | 'term' | 'takesOffers' | 'used' | 'offer' | 'releaseBeforeEnd'
>;

/** Whose layers they are. */
export interface RenewalDevice {
  readonly impi: Impi;
  /** An announcement leaves for the first time. */
  onAnnounced(announcement: Announcement): void;
  /** The layer takes no more pushes. */
  onReleased(): void;
}

/** One for all UEs. */
export interface RenewalTerms {
  readonly clock: Clock;
  /** Makes a new association, by an AUTS of the UE if need be; undefined: there are no new ones. */
  readonly announce:
    ((impi: Impi, signal: AbortSignal, resync?: Resync) => Promise<Announcement>) | undefined;
  readonly renew: RenewWhen;
  /** True while a UE that acts on an announcement is let in. */
  readonly isAnnounced: (bTid: BTid) => boolean;
  /** From 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** What a layer is served by: in time it is replaced, or released. One timer at most. */
export class Renewal {
  readonly #device: RenewalDevice;
  readonly #terms: RenewalTerms;
  #layer: RenewableLayer | undefined;
  #timer: Timer | undefined;
  /** Aborts what is under way for the layer. */
  #work: AbortController | undefined;
  /** When to offer, and when to release: monotonic ms. */
  #offerAt = Infinity;
  #releaseAt = Infinity;
  /** What is offered again and again: a retry makes no new vector. */
  #announcement: Announcement | undefined;
  #attempts = 0;
  #answers = 0;
  #refused = false;

  constructor(device: RenewalDevice, terms: RenewalTerms) {
    this.#device = device;
    this.#terms = terms;
  }

  /** This layer serves from now on; `bootstrapMs` is what the last bootstrap took, 0 when unknown. */
  serve(layer: RenewableLayer, bootstrapMs: number): void {
    this.rest();
    const { announce, renew } = this.#terms;
    const { endsAt, lifetimeMs } = layer.term;
    if (this.#announcement?.sa.bTid === layer.bTid) this.#forget();
    this.#layer = layer;
    this.#releaseAt = endsAt - releaseAheadMs(lifetimeMs);
    const aheadMs = renewAheadMs({ lifetimeMs, bootstrapMs }, this.#random());
    const offers = announce !== undefined && renew !== 'never';
    this.#offerAt = offers ? endsAt - aheadMs : Infinity;
    this.#arm();
  }

  /** No layer serves, or nothing more is to go out. */
  rest(): void {
    this.#layer = undefined;
    this.#work?.abort();
    this.#work = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** What the UE was offered, may not have got, and has not refused: worth sending by another way. Given once. */
  takeOffered(): Announcement | undefined {
    const announcement = this.#isUsable() && !this.#refused ? this.#announcement : undefined;
    this.#forget();
    return announcement;
  }

  #arm(): void {
    this.#timer?.cancel();
    const at = Math.min(this.#releaseAt, this.#offerAt);
    this.#timer = this.#terms.clock.after(Math.max(0, at - this.#now()), () => {
      this.#timer = undefined;
      if (this.#releaseAt <= this.#offerAt) this.#release();
      else void this.#attempt();
    });
  }

  #release(): void {
    const layer = this.#layer;
    if (layer === undefined) return;
    this.rest();
    const holdOffSeconds = layer.releaseBeforeEnd();
    const { bTid } = layer;
    publish('gba:layer:released', { bTid, impi: this.#device.impi, holdOffSeconds });
    this.#device.onReleased();
  }

  async #attempt(): Promise<void> {
    const layer = this.#layer;
    if (layer === undefined) return;
    const work = (this.#work = new AbortController());
    let againMs = Infinity;
    this.#offerAt = Infinity;
    this.#arm();
    try {
      if (!layer.takesOffers) return;
      if (this.#terms.renew === 'used' && !layer.used) {
        againMs = Math.max(LEAST_LOOK_MS, (this.#releaseAt - this.#now()) / 2);
        return;
      }
      this.#attempts += 1;
      againMs = this.#backoffMs();
      againMs = this.#againAfter(await this.#offer(layer, work.signal), againMs);
    } catch (error) {
      if (work.signal.aborted) return;
      const { impi } = this.#device;
      if (!(error instanceof GbaError && error.retryable)) againMs = Infinity;
      publish('gba:renewal:failed', { impi, reason: reasonOf(error) });
    } finally {
      if (!work.signal.aborted) {
        this.#offerAt = this.#now() + againMs;
        this.#arm();
      }
    }
  }

  /** @throws GbaError; the signal's reason. */
  async #offer(layer: RenewableLayer, signal: AbortSignal): Promise<OfferAnswer> {
    const { impi } = this.#device;
    const { announce } = this.#terms;
    if (announce === undefined) return { kind: 'unknown' };
    for (;;) {
      if (!this.#isUsable()) this.#accept(await announce(impi, signal));
      signal.throwIfAborted();
      const offered = this.#announcement;
      if (offered === undefined) return { kind: 'refused' };
      const { bTid } = offered.sa;
      publish('gba:renewal:offered', { impi, bTid, attempt: this.#attempts });
      const answer = await layer.offer(offered.envelope);
      signal.throwIfAborted();
      if (answer.kind !== 'out-of-step') return answer;
      const next = await resynchroniseBy(answer.message, offered, {
        impi,
        resynchronise: (resync) => {
          this.#answers += 1;
          if (this.#answers <= MAX_ANSWERS) return announce(impi, signal, resync);
          return Promise.reject(new GbaError('ERR_UPA_BUSY', `${MAX_ANSWERS} AUTS are enough`));
        },
      });
      signal.throwIfAborted();
      if (next === undefined) return { kind: 'refused' };
      this.#accept(next);
    }
  }

  /** When to offer again, unless a layer under the new key opens before. */
  #againAfter(answer: OfferAnswer, backoffMs: number): number {
    const { impi } = this.#device;
    this.#refused = answer.kind === 'refused' || answer.kind === 'out-of-step';
    switch (answer.kind) {
      case 'accepted':
        return backoffMs;
      case 'not-now':
        return Math.max(backoffMs, answer.afterMs);
      case 'unknown':
        publish('gba:renewal:failed', { impi, reason: 'the UE takes no key inside a layer' });
        return Infinity;
      case 'refused':
      case 'out-of-step':
        publish('gba:renewal:failed', { impi, reason: 'the UE refused the key' });
        return backoffMs;
    }
  }

  #accept(announcement: Announcement): void {
    this.#announcement = announcement;
    this.#device.onAnnounced(announcement);
  }

  #isUsable(): boolean {
    const offered = this.#announcement;
    return offered !== undefined && this.#terms.isAnnounced(offered.sa.bTid);
  }

  #forget(): void {
    this.#announcement = undefined;
    this.#attempts = 0;
    this.#answers = 0;
    this.#refused = false;
  }

  /** Later and later; half of it is left to chance. */
  #backoffMs(): number {
    const longest = Math.min(SOON_MS * 2 ** this.#attempts, LATEST_MS);
    return longest * (0.5 + this.#random() / 2);
  }

  #random(): number {
    const { random = Math.random } = this.#terms;
    return random();
  }

  #now(): number {
    return this.#terms.clock.monotonic();
  }
}

const SOON_MS = 250;
const LATEST_MS = 60_000;
/** Between two looks at a layer that nobody has used. */
const LEAST_LOOK_MS = 1_000;
/** AUTS of a UE that the BSF is troubled with, for one renewal. */
const MAX_ANSWERS = 2;
