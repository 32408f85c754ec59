/** Any number of moments and one timer: what falls due is told in order, a bounded number at a time. */
import type { Clock, Timer } from './clock.ts';

/** What has a moment. It is in one queue at most. */
export interface Dated {
  /** Monotonic ms. */
  readonly at: number;
  /** Where it stands; the queue's own, -1 outside of one. */
  place: number;
}

export interface DeadlinesOptions<T> {
  readonly clock: Clock;
  /** Gets each whose moment has come, the earliest first; it is in the queue no more. */
  readonly onDue: (item: T) => void;
  /** How many are told before everything else has its turn. Default 512. */
  readonly atOnce?: number;
}

/** A binary heap; adding and deleting are logarithmic, and cheap for what ends last. */
export class Deadlines<T extends Dated> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #atOnce: number;
  /** No shorter than it ever was: an array that grows and shrinks all the time is copied all the time. */
  readonly #heap: (T | undefined)[] = [];
  #size = 0;
  #timer: Timer | undefined;
  /** When the timer fires, monotonic ms: never after the first moment. */
  #firesAt = Infinity;
  #firing = false;

  constructor({ clock, onDue, atOnce = AT_ONCE }: DeadlinesOptions<T>) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#atOnce = atOnce;
  }

  add(item: T): void {
    this.#size += 1;
    this.#rise(item, this.#size - 1);
    this.#arm();
  }

  /** Does nothing when it is in no queue. */
  delete(item: T): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    this.#size -= 1;
    const last = this.#heap[this.#size];
    this.#heap[this.#size] = undefined;
    if (last !== undefined && last !== item) this.#settle(last, place);
    this.#arm();
  }

  clear(): void {
    for (const item of this.#heap) if (item !== undefined) item.place = -1;
    this.#heap.length = 0;
    this.#size = 0;
    this.#arm();
  }

  /** A timer that is too early does no harm: it finds nothing, and the next is set. */
  #arm(): void {
    if (this.#firing) return;
    const first = this.#heap[0];
    if (this.#timer !== undefined && (first === undefined || first.at < this.#firesAt)) {
      this.#timer.cancel();
      this.#timer = undefined;
    }
    if (first === undefined || this.#timer !== undefined) return;
    this.#firesAt = first.at;
    const leftMs = Math.max(0, first.at - this.#clock.monotonic());
    this.#timer = this.#clock.after(leftMs, this.#fire);
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#firing = true;
    try {
      this.#tell(this.#clock.monotonic());
    } finally {
      this.#firing = false;
      this.#arm();
    }
  };

  #tell(now: number): void {
    for (let told = 0; told < this.#atOnce; told += 1) {
      const first = this.#heap[0];
      if (first === undefined || first.at > now) break;
      this.delete(first);
      this.#onDue(first);
    }
  }

  /** Puts it there, or as far from there as the order demands. */
  #settle(item: T, place: number): void {
    const parent = this.#heap[(place - 1) >> 1];
    if (place > 0 && parent !== undefined && item.at < parent.at) this.#rise(item, place);
    else this.#sink(item, place);
  }

  #rise(item: T, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1];
      if (parent === undefined || parent.at <= item.at) break;
      this.#put(parent, place);
      place = (place - 1) >> 1;
    }
    this.#put(item, place);
  }

  #sink(item: T, from: number): void {
    let place = from;
    for (;;) {
      const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
      if (left === undefined) break;
      const child = right !== undefined && right.at < left.at ? right : left;
      if (item.at <= child.at) break;
      const childPlace = child.place;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(item, place);
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }
}

/** Of associations, a few milliseconds. */
const AT_ONCE = 512;
