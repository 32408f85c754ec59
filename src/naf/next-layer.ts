/** The layer that a UE has not got yet: the search for it, what left for it, and so how long each stage took. */
import type { TriggerAddress } from '../codec/address.ts';
import { ChannelError, GbaError, reasonOf } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import type { Announcement, Resync } from './announcer.ts';
import type { StageTimes } from './entry.ts';
import type { Layer } from './layer.ts';
import type { Renewal, RenewalTerms } from './renewal.ts';
import { search, type SearchOptions } from './search.ts';

/** One for all UEs. */
export interface NextLayerTerms
  extends Pick<SearchOptions, 'clock' | 'triggers' | 'patience'>, Pick<RenewalTerms, 'announce'> {
  /** See `WakeOptions`. */
  readonly nextWake: (impi: Impi) => Uint8Array | undefined;
  /** See `SearchOptions`. */
  readonly canReconnect: (impi: Impi) => boolean;
}

/** Whose it will be. */
export interface NextLayerDevice {
  readonly impi: Impi;
  /** There will be none, and `error` says why: ends what waits for it. */
  drop(error: GbaError): void;
}

/** What is known of the UE when the search begins. */
export interface Whereabouts {
  /** UE_Trp; undefined: wait for the UE to dial. */
  readonly triggerAddress: TriggerAddress | undefined;
  /** See `WakeOptions`. */
  readonly lostAt: number;
  /** It was told to come back under its key no more. */
  readonly released: boolean;
}

/** Made when first something is sought or announced, and gone when a layer opens: an idle device has none. */
export class NextLayer {
  readonly #device: NextLayerDevice;
  readonly #terms: NextLayerTerms;
  readonly #renewal: Pick<Renewal, 'takeOffered'>;
  #search: AbortController | undefined;
  /** When this search sent its first wake, monotonic ms. */
  #wokenAt: number | undefined;
  /** What has been announced so far, in a search or inside the last layer. */
  #announced: Map<BTid, { readonly bsfMs: number; readonly triggeredAt: number }> | undefined;

  constructor(
    device: NextLayerDevice,
    terms: NextLayerTerms,
    renewal: Pick<Renewal, 'takeOffered'>,
  ) {
    this.#device = device;
    this.#terms = terms;
    this.#renewal = renewal;
  }

  /** True while it is searched for. */
  get sought(): boolean {
    return this.#search !== undefined;
  }

  /** Begins the search; when it fails, the device drops what waits. */
  seek({ triggerAddress, lostAt, released }: Whereabouts): void {
    const finding = new AbortController();
    this.#search = finding;
    const { impi } = this.#device;
    const { clock, triggers, patience, announce, canReconnect, nextWake } = this.#terms;
    const options: SearchOptions = {
      ...{ impi, clock, triggers, patience, lostAt },
      nextWake: () => nextWake(impi),
      onWake: () => {
        this.#wokenAt = clock.monotonic();
      },
      triggerAddress: () => triggerAddress,
      canReconnect: () => !released && canReconnect(impi),
      announce:
        announce && ((signal, resync) => this.#offered(resync) ?? announce(impi, signal, resync)),
      onTrigger: (announcement) => {
        this.onAnnounced(announcement);
      },
    };
    search(options, finding.signal).catch((error: unknown) => {
      if (this.#search !== finding) return;
      this.#device.drop(
        error instanceof GbaError
          ? error
          : new ChannelError('ERR_CHANNEL_REFUSED', reasonOf(error), { cause: error }),
      );
    });
  }

  /** What was announced may open it all the same. */
  endSearch(): void {
    this.#search?.abort();
    this.#search = undefined;
    this.#wokenAt = undefined;
  }

  /** An announcement leaves for the first time. */
  onAnnounced({ sa, bsfMs }: Announcement): void {
    this.#announced ??= new Map();
    this.#announced.set(sa.bTid, { bsfMs, triggeredAt: this.#terms.clock.monotonic() });
  }

  /** True when this association was made for it. */
  hasAnnounced(bTid: BTid): boolean {
    return this.#announced?.has(bTid) === true;
  }

  /** What it took, when it is this one that opens at `now`, monotonic ms. */
  stagesOf(
    { bTid, via, acceptedAt }: Pick<Layer, 'bTid' | 'via' | 'acceptedAt'>,
    now: number,
  ): StageTimes {
    const handshake = now - acceptedAt;
    const told = via === 'bootstrap' ? this.#announced?.get(bTid) : undefined;
    if (told) return { bsf: told.bsfMs, trigger: acceptedAt - told.triggeredAt, handshake };
    return { bsf: 0, trigger: Math.max(0, acceptedAt - (this.#wokenAt ?? Infinity)), handshake };
  }

  /** The key that was offered inside the last layer serves as well as another one. */
  #offered(resync: Resync | undefined): Promise<Announcement> | undefined {
    const offered = resync === undefined ? this.#renewal.takeOffered() : undefined;
    return offered && Promise.resolve(offered);
  }
}
