/** All associations of one end: found by PSK identity, ended on time, each state change told. */
import { SaError, StoreError } from '../errors.ts';
import type { Endpoint } from '../codec/address.ts';
import type { BTid, Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import {
  announce,
  close,
  countWake,
  establish,
  park,
  pskIdentitiesOf,
  rekeyWake,
  type Announced,
  type Closed,
  type CloseReason,
  type Established,
  type LiveSa,
  type SaRecord,
  type SaStore,
} from './association.ts';
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

/** When a key ends, by the clock that never jumps. */
export interface Term {
  /** Monotonic ms. */
  readonly endsAt: number;
  /** From when it was made, or first known, until it ends, ms. */
  readonly lifetimeMs: number;
}

interface Slot {
  sa: LiveSa;
  proved: boolean;
  readonly term: Term;
  readonly expiry: Timer;
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
  readonly #slots = new Map<BTid, Slot>();
  readonly #identities = new Map<string, BTid>();
  readonly #subscribers = new Map<Impi, Set<BTid>>();

  constructor(options: SaRegistryOptions) {
    this.#clock = options.clock;
    this.#onClosed = options.onClosed ?? (() => undefined);
    this.#store = options.store;
    this.sessions = options.sessions;
    for (const record of options.store?.recovered ?? []) this.#recover(record);
  }

  get size(): number {
    return this.#slots.size;
  }

  /**
   * Takes in a new association and owns its key, which was made just now unless `lifetimeMs` says that
   * it has been there for longer. @throws SaError ERR_SA_CONFLICT, ERR_SA_EXPIRED, StoreError.
   */
  add(sa: Announced, lifetimeMs = this.#leftMs(sa)): Announced {
    this.#check(sa);
    this.#store?.put({ ...sa, proved: false, lifetimeMs });
    this.#hold(sa, false, lifetimeMs);
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

  /** By the wall clock, which is right when it is made and after a restart, and in between may not be. */
  #leftMs({ expiresAt }: LiveSa): number {
    return expiresAt - this.#clock.now();
  }

  #hold(sa: LiveSa, proved: boolean, lifetimeMs: number): void {
    const leftMs = this.#leftMs(sa);
    const expiry = this.#clock.after(leftMs, () => {
      this.close(sa.bTid, 'expired');
    });
    const term = { endsAt: this.#clock.monotonic() + leftMs, lifetimeMs };
    this.#slots.set(sa.bTid, { sa, proved, term, expiry });
    for (const [identity] of pskIdentitiesOf(sa)) this.#identities.set(identity, sa.bTid);
    const siblings = this.#subscribers.get(sa.impi) ?? new Set();
    this.#subscribers.set(sa.impi, siblings);
    const younger = [...siblings].filter((one) => this.#madeAt(one) > this.#madeAt(sa.bTid));
    for (const bTid of [sa.bTid, ...younger]) {
      siblings.delete(bTid);
      siblings.add(bTid);
    }
  }

  /** Monotonic ms, before this process began for keys that it took over. */
  #madeAt(bTid: BTid): number {
    const term = this.#slots.get(bTid)?.term;
    return term ? term.endsAt - term.lifetimeMs : Infinity;
  }

  /** One whose time is over while nobody looked, or that another names already, is over now. */
  #recover({ proved, lifetimeMs, key, uiccKey, wake, ...terms }: SaRecord): void {
    // A clock that was set back meanwhile must not give a key more than its lifetime.
    const latest = this.#clock.now() + (lifetimeMs ?? Infinity);
    const expiresAt = Math.min(terms.expiresAt, latest);
    const announced = {
      ...announce({ ...terms, expiresAt }, key, uiccKey),
      ...(wake && { wake }),
    };
    const sa = proved ? park(announced) : announced;
    try {
      this.#check(sa);
      this.#hold(sa, proved, lifetimeMs ?? this.#leftMs(sa));
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

  /** When the key ends; undefined when it is over. */
  termOf(bTid: BTid): Term | undefined {
    return this.#slots.get(bTid)?.term;
  }

  /** @throws SaError ERR_SA_UNKNOWN when it is over. */
  establish(bTid: BTid): Established {
    const slot = this.#slots.get(bTid);
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
    const slot = this.#slots.get(bTid);
    if (slot === undefined) return;
    slot.sa = park(slot.sa);
    publish('gba:sa:parked', { bTid, impi: slot.sa.impi, reason });
  }

  /** The UE has registered on a layer: K_wake of that one, owned from here on. Wiped when the association is over. */
  rekeyWake(bTid: BTid, key: Uint8Array): void {
    const slot = this.#slots.get(bTid);
    if (slot === undefined) return wipe(key);
    slot.sa = rekeyWake(slot.sa, key);
    this.#rewrite(slot);
  }

  /**
   * Uses up a counter of K_wake; `connect` is where the UE dials from now on. On disk when it returns;
   * otherwise nothing has changed. @throws SaError ERR_SA_UNKNOWN, StoreError, RangeError for an earlier counter.
   */
  countWake(bTid: BTid, counter: number, connect?: Endpoint): void {
    const slot = this.#slots.get(bTid);
    if (slot === undefined) throw new SaError('ERR_SA_UNKNOWN', `no live association ${bTid}`);
    const sa = countWake(slot.sa, counter, connect);
    this.#put({ ...slot, sa });
    slot.sa = sa;
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
    this.sessions?.forget(bTid);
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
    for (const slot of this.#slots.values()) {
      const { sa, expiry } = slot;
      expiry.cancel();
      if (Math.abs(this.#wallEnd(slot) - sa.expiresAt) > STEP_MS) this.#rewrite(slot);
      close(sa, 'revoked');
    }
    this.sessions?.clear();
    this.#slots.clear();
    this.#identities.clear();
    this.#subscribers.clear();
  }

  #rewrite(slot: Slot): void {
    this.#try(() => {
      this.#put(slot);
    });
  }

  /** What a restart reads is wall time: by the clock as it is now. @throws StoreError. */
  #put(slot: Slot): void {
    const { sa, proved, term } = slot;
    const expiresAt = this.#wallEnd(slot);
    this.#store?.put({ ...sa, expiresAt, proved, lifetimeMs: term.lifetimeMs });
  }

  #wallEnd({ term }: Slot): number {
    return Math.round(this.#clock.now() + term.endsAt - this.#clock.monotonic());
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

  /** The live associations of one subscriber, the one with the oldest key first. */
  of(impi: Impi): readonly LiveSa[] {
    return [...(this.#subscribers.get(impi) ?? [])].flatMap((bTid) => this.current(bTid) ?? []);
  }
}

/** The wall clock was set when it is off by more. */
const STEP_MS = 1_000;
