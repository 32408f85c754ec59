/** The live associations of one end, by each of their names, and when the key of each ends. */
import { PSK_NAMESPACE, PSK_NAMESPACE_UICC, type BTid, type Impi } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadlines, type Dated } from '../lib/deadlines.ts';
import type { LiveSa, SaTerms } from './association.ts';

/** When a key ends, by the clock that never jumps. */
export interface Term {
  /** Monotonic ms. */
  readonly endsAt: number;
  /** From when it was made, or first known, until it ends, ms. */
  readonly lifetimeMs: number;
}

/** One association; `at` is when its key ends. */
export interface Slot extends Dated {
  sa: LiveSa;
  /** See `SaRecord`, as the next. */
  proved: boolean;
  readonly lifetimeMs: number;
}

export interface SaTableOptions {
  readonly clock: Clock;
  /** The key ends; its association stays here until it is deleted. */
  readonly onEnd: (sa: LiveSa) => void;
}

/** Three indices and a queue of deadlines that always hold the same. */
export class SaTable {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #byBTid = new Map<string, Slot>();
  readonly #byPTid = new Map<string, Slot>();
  readonly #bySubscriber = new Map<Impi, readonly Slot[]>();
  readonly #expiry: Deadlines<Slot>;

  constructor({ clock, onEnd }: SaTableOptions) {
    this.#clock = clock;
    this.#expiry = new Deadlines({
      clock,
      onDue: ({ sa }) => {
        onEnd(sa);
      },
    });
  }

  get size(): number {
    return this.#byBTid.size;
  }

  /** True when another one has one of its names. */
  hasNameOf({ bTid, pTid }: Pick<SaTerms, 'bTid' | 'pTid'>): boolean {
    return this.#byBTid.has(bTid) || (pTid !== undefined && this.#byPTid.has(pTid));
  }

  /** Takes one in whose key ends in `leftMs`. Its names are nobody's yet. */
  add({ sa, proved, lifetimeMs }: Omit<Slot, keyof Dated>, leftMs: number): void {
    const at = this.#clock.monotonic() + leftMs;
    const slot: Slot = { sa, proved, lifetimeMs, at, place: -1 };
    const { bTid, pTid, impi } = sa;
    this.#byBTid.set(bTid, slot);
    if (pTid !== undefined) this.#byPTid.set(pTid, slot);
    const siblings = this.of(impi);
    const older = siblings.filter((other) => madeAt(other) <= madeAt(slot));
    const younger = siblings.filter((other) => madeAt(other) > madeAt(slot));
    this.#bySubscriber.set(impi, [...older, slot, ...younger]);
    this.#expiry.add(slot);
  }

  delete(slot: Slot): void {
    const { bTid, pTid, impi } = slot.sa;
    this.#expiry.delete(slot);
    this.#byBTid.delete(bTid);
    if (pTid !== undefined) this.#byPTid.delete(pTid);
    const siblings = this.of(impi).filter((other) => other !== slot);
    if (siblings.length > 0) this.#bySubscriber.set(impi, siblings);
    else this.#bySubscriber.delete(impi);
  }

  clear(): void {
    this.#expiry.clear();
    this.#byBTid.clear();
    this.#byPTid.clear();
    this.#bySubscriber.clear();
  }

  get(bTid: BTid): Slot | undefined {
    return this.#byBTid.get(bTid);
  }

  /** By a PSK identity, letter for letter (TS 24.109 5.3.3, TS 33.220 clause 5). */
  find(identity: string): Slot | undefined {
    const id = idIn(identity);
    const slot = id === undefined ? undefined : (this.#byBTid.get(id) ?? this.#byPTid.get(id));
    // Many may end at one moment: what has not been told of yet lets nobody in all the same.
    if (slot === undefined || slot.at <= this.#clock.monotonic()) return undefined;
    return identity.startsWith(UICC) && slot.sa.uiccKey === undefined ? undefined : slot;
  }

  /** Those of one subscriber, the one with the oldest key first. */
  of(impi: Impi): readonly Slot[] {
    return this.#bySubscriber.get(impi) ?? [];
  }

  /** In the order of their coming. */
  [Symbol.iterator](): Iterator<Slot> {
    return this.#byBTid.values();
  }
}

/** The B-TID or P-TID that a PSK identity names; undefined when it is of no namespace of ours. */
export function idIn(identity: string): string | undefined {
  const start = STARTS.find((each) => identity.startsWith(each));
  return start && identity.slice(start.length);
}

/** When its key was made, or first known: monotonic ms, before this process began for keys that it took over. */
function madeAt({ at, lifetimeMs }: Slot): number {
  return at - lifetimeMs;
}

const UICC = `${PSK_NAMESPACE_UICC};`;
const STARTS = [`${PSK_NAMESPACE};`, UICC];
