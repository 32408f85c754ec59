/** All associations of one end: found by PSK identity, ended on time, each state change told. */
import { SaError, StoreError } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import {
  announce,
  close,
  establish,
  park,
  pskIdentitiesOf,
  type Announced,
  type Closed,
  type CloseReason,
  type Established,
  type LiveSa,
  type SaRecord,
  type SaStore,
} from './association.ts';

export interface SaRegistryOptions {
  readonly clock: Clock;
  /** Called once for each association that ends, by whatever way, after its key is wiped. */
  readonly onClosed?: (sa: Closed) => void;
  /** Where they outlive the process; what it holds is live from the start. It is not closed here. */
  readonly store?: SaStore;
}

interface Slot {
  sa: LiveSa;
  proved: boolean;
  readonly expiry: Timer;
}

/** Holds live associations only: a closed one is told to `onClosed` and forgotten. */
export class SaRegistry {
  readonly #clock: Clock;
  readonly #onClosed: (sa: Closed) => void;
  readonly #store: SaStore | undefined;
  readonly #slots = new Map<BTid, Slot>();
  readonly #identities = new Map<string, BTid>();
  readonly #subscribers = new Map<Impi, Set<BTid>>();

  constructor(options: SaRegistryOptions) {
    this.#clock = options.clock;
    this.#onClosed = options.onClosed ?? (() => undefined);
    this.#store = options.store;
    for (const record of options.store?.recovered ?? []) this.#recover(record);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Takes in a new association and owns its key. @throws SaError ERR_SA_CONFLICT, ERR_SA_EXPIRED, StoreError. */
  add(sa: Announced): Announced {
    this.#check(sa);
    this.#store?.put({ ...sa, proved: false });
    this.#hold(sa, false);
    publish('gba:sa:announced', { bTid: sa.bTid, impi: sa.impi });
    return sa;
  }

  #check(sa: LiveSa): void {
    if (pskIdentitiesOf(sa).some(([identity]) => this.#identities.has(identity))) {
      throw new SaError('ERR_SA_CONFLICT', `an association ${sa.bTid} is there already`);
    }
    if (sa.expiresAt <= this.#clock.now()) {
      throw new SaError('ERR_SA_EXPIRED', `the key of ${sa.bTid} is over`);
    }
  }

  #hold(sa: LiveSa, proved: boolean): void {
    const leftMs = sa.expiresAt - this.#clock.now();
    const expiry = this.#clock.after(leftMs, () => {
      this.close(sa.bTid, 'expired');
    });
    this.#slots.set(sa.bTid, { sa, proved, expiry });
    for (const [identity] of pskIdentitiesOf(sa)) this.#identities.set(identity, sa.bTid);
    const siblings = this.#subscribers.get(sa.impi);
    if (siblings === undefined) this.#subscribers.set(sa.impi, new Set([sa.bTid]));
    else siblings.add(sa.bTid);
  }

  /** One whose time is over while nobody looked, or that another names already, is over now. */
  #recover({ proved, ...record }: SaRecord): void {
    const { key, uiccKey, ...terms } = record;
    const announced = announce(terms, key, uiccKey);
    const sa = proved ? park(announced) : announced;
    try {
      this.#check(sa);
      this.#hold(sa, proved);
    } catch (error) {
      if (!(error instanceof SaError)) throw error;
      close(sa, 'expired');
      this.#try(() => this.#store?.delete(sa.bTid));
    }
  }

  /** The live association that this PSK identity names, letter for letter. */
  find(identity: string): LiveSa | undefined {
    const bTid = this.#identities.get(identity);
    return bTid === undefined ? undefined : this.#slots.get(bTid)?.sa;
  }

  current(bTid: BTid): LiveSa | undefined {
    return this.#slots.get(bTid)?.sa;
  }

  /** @throws SaError ERR_SA_UNKNOWN when it is over. */
  establish(bTid: BTid): Established {
    const slot = this.#slots.get(bTid);
    if (slot === undefined) throw new SaError('ERR_SA_UNKNOWN', `no live association ${bTid}`);
    const sa = establish(slot.sa);
    slot.sa = sa;
    if (!slot.proved) this.#try(() => this.#store?.put({ ...sa, proved: true }));
    slot.proved = true;
    publish('gba:sa:established', { bTid, impi: sa.impi });
    return sa;
  }

  /** Does nothing when it is over. */
  park(bTid: BTid, reason: string): void {
    const slot = this.#slots.get(bTid);
    if (slot === undefined) return;
    slot.sa = park(slot.sa);
    publish('gba:sa:parked', { bTid, impi: slot.sa.impi, reason });
  }

  /** Ends it and wipes its key; does nothing when it is over. */
  close(bTid: BTid, reason: CloseReason): void {
    const slot = this.#slots.get(bTid);
    if (slot === undefined) return;
    slot.expiry.cancel();
    this.#slots.delete(bTid);
    for (const [identity] of pskIdentitiesOf(slot.sa)) this.#identities.delete(identity);
    const siblings = this.#subscribers.get(slot.sa.impi);
    siblings?.delete(bTid);
    if (siblings?.size === 0) this.#subscribers.delete(slot.sa.impi);
    const closed = close(slot.sa, reason);
    this.#try(() => this.#store?.delete(bTid));
    publish('gba:sa:closed', { bTid, impi: closed.impi, reason });
    this.#onClosed(closed);
  }

  /** Ends all of them. */
  closeAll(reason: CloseReason): void {
    for (const bTid of [...this.#slots.keys()]) this.close(bTid, reason);
  }

  /** Wipes every key and forgets all of them here; in the store they stay, for the next life. */
  suspendAll(): void {
    for (const { sa, expiry } of this.#slots.values()) {
      expiry.cancel();
      close(sa, 'revoked');
    }
    this.#slots.clear();
    this.#identities.clear();
    this.#subscribers.clear();
  }

  /** What the store cannot write ends no association that is in use; a restart may bootstrap it anew. */
  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      publish('gba:store:failed', { reason: error.message });
    }
  }

  /** All live associations, oldest first. */
  all(): readonly LiveSa[] {
    return Array.from(this.#slots.values(), ({ sa }) => sa);
  }

  /** The live associations of one subscriber, oldest first. */
  of(impi: Impi): readonly LiveSa[] {
    return [...(this.#subscribers.get(impi) ?? [])].flatMap((bTid) => this.current(bTid) ?? []);
  }
}
