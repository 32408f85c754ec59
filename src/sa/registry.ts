/** All associations of one end: each state change is told, and what must outlive the process written down. */
import { SaError, StoreError } from '../errors.ts';
import type { Endpoint } from '../codec/address.ts';
import type { BTid, Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import {
  close,
  countWake,
  establish,
  forgetKeys,
  park,
  recall,
  rekeyWake,
  type Announced,
  type Closed,
  type CloseReason,
  type Established,
  type LiveSa,
  type SaRecord,
  type SaStore,
} from './association.ts';
import { Endings } from './endings.ts';
import { idIn, SaTable, type Slot, type Term } from './sa-table.ts';
import type { SaSessions } from './sessions.ts';

export interface SaRegistryOptions {
  readonly clock: Clock;
  /** Called once for each association that ends, by whatever way, after its key is wiped. */
  readonly onClosed?: (sa: Closed) => void;
  /** Where they outlive the process; what it holds is live from the start. It is not closed here. */
  readonly store?: SaStore;
  /** TLS sessions that end with their association; absent: there are none. */
  readonly sessions?: SaSessions;
}

/**
 * Holds live associations only: a closed one is told to `onClosed` and forgotten. From when it takes one
 * in it counts by monotonic time: a step of the wall clock ends nothing early, and nothing late.
 */
export class SaRegistry {
  /** TLS sessions of its associations; absent: none are kept. */
  readonly sessions: SaSessions | undefined;
  readonly #clock: Clock;
  readonly #onClosed: (sa: Closed) => void;
  readonly #store: SaStore | undefined;
  readonly #endings = new Endings();
  readonly #table: SaTable;

  constructor(options: SaRegistryOptions) {
    this.#clock = options.clock;
    this.#onClosed = options.onClosed ?? (() => undefined);
    this.#store = options.store;
    this.sessions = options.sessions;
    this.#table = new SaTable({
      clock: options.clock,
      onEnd: ({ bTid }) => {
        this.close(bTid, 'expired');
      },
    });
    for (const record of options.store?.recover() ?? []) this.#recover(record);
  }

  get size(): number {
    return this.#table.size;
  }

  /**
   * Takes in a new association and owns its key, which was made just now unless `lifetimeMs` says that
   * it has been there for longer. @throws SaError ERR_SA_CONFLICT, ERR_SA_EXPIRED, StoreError.
   */
  add(sa: Announced, lifetimeMs?: number): Announced {
    this.#check(sa);
    // One reading for both: a wall clock that ticks in between would make this one older than it is.
    const leftMs = this.#leftMs(sa);
    const term = { proved: false, lifetimeMs: lifetimeMs ?? leftMs };
    this.#store?.put({ ...sa, ...term });
    this.#table.add({ sa, ...term }, leftMs);
    publish('gba:sa:announced', { bTid: sa.bTid, impi: sa.impi });
    return sa;
  }

  #check(sa: LiveSa): void {
    if (this.#table.hasNameOf(sa)) {
      throw new SaError('ERR_SA_CONFLICT', `an association ${sa.bTid} is there already`);
    }
    if (sa.expiresAt <= this.#clock.now()) {
      throw new SaError('ERR_SA_EXPIRED', `the key of ${sa.bTid} is over`);
    }
  }

  /** By the wall clock, which is right when it is made and after a restart, and in between may not be. */
  #leftMs({ expiresAt }: LiveSa): number {
    return expiresAt - this.#clock.now();
  }

  /** One whose time is over while nobody looked, or that another names already, is over now. */
  #recover(record: SaRecord): void {
    const { proved, lifetimeMs } = record;
    // A clock that was set back meanwhile must not give a key more than its lifetime.
    const latest = this.#clock.now() + lifetimeMs;
    const sa = recall(record, Math.min(record.expiresAt, latest));
    try {
      this.#check(sa);
      this.#table.add({ sa, proved, lifetimeMs }, this.#leftMs(sa));
    } catch (error) {
      if (!(error instanceof SaError)) throw error;
      forgetKeys(sa);
      this.#try(() => this.#store?.delete(sa.bTid));
    }
  }

  /** The live association that this PSK identity names. */
  find(identity: string): LiveSa | undefined {
    return this.#table.find(identity)?.sa;
  }

  /** Why `find` knows this identity no longer; undefined for one that never was, or was long ago. */
  faultOf(identity: string): SaError | undefined {
    const id = idIn(identity);
    return id === undefined ? undefined : this.#endings.faultOf(id);
  }

  current(bTid: BTid): LiveSa | undefined {
    return this.#table.get(bTid)?.sa;
  }

  /** When the key ends; undefined when it is over. */
  termOf(bTid: BTid): Term | undefined {
    const slot = this.#table.get(bTid);
    return slot && { endsAt: slot.at, lifetimeMs: slot.lifetimeMs };
  }

  /** @throws SaError ERR_SA_UNKNOWN when it is over. */
  establish(bTid: BTid): Established {
    const slot = this.#table.get(bTid);
    if (slot === undefined) throw new SaError('ERR_SA_UNKNOWN', `no live association ${bTid}`);
    const sa = establish(slot.sa);
    slot.sa = sa;
    const wasProved = slot.proved;
    slot.proved = true;
    if (!wasProved) this.#rewrite(slot);
    publish('gba:sa:established', { bTid, impi: sa.impi });
    return sa;
  }

  /** Does nothing when it is over. */
  park(bTid: BTid, reason: string): void {
    const slot = this.#table.get(bTid);
    if (slot === undefined) return;
    slot.sa = park(slot.sa);
    publish('gba:sa:parked', { bTid, impi: slot.sa.impi, reason });
  }

  /** The UE has registered on a layer: K_wake of that one, owned from here on. Wiped when the association is over. */
  rekeyWake(bTid: BTid, key: Uint8Array): void {
    const slot = this.#table.get(bTid);
    if (slot === undefined) return wipe(key);
    slot.sa = rekeyWake(slot.sa, key);
    this.#rewrite(slot);
  }

  /**
   * Uses up a counter of K_wake; `connect` is where the UE dials from now on. On disk when it returns;
   * otherwise nothing has changed. @throws SaError ERR_SA_UNKNOWN, StoreError, RangeError for an earlier counter.
   */
  countWake(bTid: BTid, counter: number, connect?: Endpoint): void {
    const slot = this.#table.get(bTid);
    if (slot === undefined) throw new SaError('ERR_SA_UNKNOWN', `no live association ${bTid}`);
    const sa = countWake(slot.sa, counter, connect);
    this.#put({ ...slot, sa });
    slot.sa = sa;
  }

  /** Ends it and wipes its key; does nothing when it is over. */
  close(bTid: BTid, reason: CloseReason): void {
    const slot = this.#table.get(bTid);
    if (slot === undefined) return;
    this.#table.delete(slot);
    this.#endings.note(slot.sa, reason);
    const closed = close(slot.sa, reason);
    this.sessions?.forget(bTid);
    this.#try(() => this.#store?.delete(bTid));
    publish('gba:sa:closed', { bTid, impi: closed.impi, reason });
    this.#onClosed(closed);
  }

  /** Ends all of them. */
  closeAll(reason: CloseReason): void {
    for (const { sa } of [...this.#table]) this.close(sa.bTid, reason);
  }

  /** Wipes every key and forgets all of them here; in the store they stay, for the next life. */
  suspendAll(): void {
    for (const slot of this.#table) {
      if (Math.abs(this.#wallEnd(slot) - slot.sa.expiresAt) > STEP_MS) this.#rewrite(slot);
      forgetKeys(slot.sa);
    }
    this.sessions?.clear();
    this.#table.clear();
  }

  #rewrite(slot: Slot): void {
    this.#try(() => {
      this.#put(slot);
    });
  }

  /** What a restart reads is wall time: by the clock as it is now. @throws StoreError. */
  #put(slot: Slot): void {
    const { sa, proved, lifetimeMs } = slot;
    const expiresAt = this.#wallEnd(slot);
    this.#store?.put({ ...sa, expiresAt, proved, lifetimeMs });
  }

  #wallEnd({ at }: Slot): number {
    return Math.round(this.#clock.now() + at - this.#clock.monotonic());
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
    return Array.from(this.#table, ({ sa }) => sa);
  }

  /** The live associations of one subscriber, the one with the oldest key first. */
  of(impi: Impi): readonly LiveSa[] {
    return this.#table.of(impi).map(({ sa }) => sa);
  }
}

/** The wall clock was set when it is off by more. */
const STEP_MS = 1_000;
