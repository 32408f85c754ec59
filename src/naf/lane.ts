/** The pushes of one urgency that wait to go out, in the order of their seq. */
import type { Urgency } from '../codec/push.ts';
import type { Entry } from './entry.ts';

/** Taken slots at the front are kept until there are as many: moving the rest each time would cost more. */
const SPARE_SLOTS = 64;
const NONE: readonly Entry[] = [];

export class Lane {
  readonly urgency: Urgency;
  /** After "not now": nothing goes out before this monotonic time. */
  heldUntil = 0;
  /** Out, and in many messages: nothing later goes out before they have an outcome, for the UE would have that first. */
  #long: readonly Entry[] = NONE;
  #slots: (Entry | undefined)[] = [];
  #head = 0;

  constructor(urgency: Urgency) {
    this.urgency = urgency;
  }

  /** Nothing goes out at `now`, monotonic ms. */
  isHeld(now: number): boolean {
    if (this.heldUntil > now) return true;
    if (this.#long.length === 0) return false;
    const next = this.#slots[this.#head]?.seq ?? Infinity;
    return this.#long.some(({ seq }) => seq < next);
  }

  /** Later ones wait for this one, which is out. */
  waitFor(entry: Entry): void {
    this.#long = [...this.#long, entry];
  }

  /** Nothing waits for it any more; false when nothing did. */
  free(entry: Entry): boolean {
    if (!this.#long.includes(entry)) return false;
    this.#long = this.#long.filter((long) => long !== entry);
    return true;
  }

  get waiting(): number {
    return this.#slots.length - this.#head;
  }

  /** Adds the entry with the highest seq so far. */
  add(entry: Entry): void {
    this.#slots.push(entry);
  }

  /** Takes the entry with the lowest seq. */
  take(): Entry | undefined {
    const entry = this.#slots[this.#head];
    if (entry === undefined) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= SPARE_SLOTS && this.#head * 2 >= this.#slots.length) this.#trim();
    return entry;
  }

  /** Puts an entry back. What went out is older than nearly all that waits, so its place is near the head. */
  putBack(entry: Entry): void {
    let at = this.#head;
    while ((this.#slots[at]?.seq ?? Infinity) < entry.seq) at += 1;
    this.#slots.splice(at, 0, entry);
  }

  /** Takes out every entry whose deadline, monotonic ms, is not after `now`. */
  takeLate(now: number): Entry[] {
    this.#trim();
    const late: Entry[] = [];
    this.#slots = this.#slots.filter((entry) => {
      if (entry === undefined || entry.deadline > now) return true;
      late.push(entry);
      return false;
    });
    return late;
  }

  /** The earliest deadline of those that wait; Infinity when none does. */
  nextDeadline(): number {
    return this.#slots.reduce(
      (next, entry) => Math.min(next, entry?.deadline ?? Infinity),
      Infinity,
    );
  }

  #trim(): void {
    this.#slots.splice(0, this.#head);
    this.#head = 0;
  }
}
