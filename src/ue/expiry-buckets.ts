/** What ends some time, in buckets of a second: adding costs nearly nothing, and nothing is ever searched. */

const WIDTH_MS = 1_000;

/** Gives things out after their moment, up to a second late and in no order within that second. */
export class ExpiryBuckets<T> {
  readonly #buckets = new Map<number, T[]>();
  /** The earliest bucket that may hold something. */
  #first: number;

  /** `now` is monotonic ms, as are all times here; none that is given later is earlier. */
  constructor(now: number) {
    this.#first = Math.floor(now / WIDTH_MS);
  }

  /** `at`: when it ends. */
  add(item: T, at: number): void {
    const bucket = Math.max(Math.ceil(at / WIDTH_MS), this.#first);
    const items = this.#buckets.get(bucket);
    if (items === undefined) this.#buckets.set(bucket, [item]);
    else items.push(item);
  }

  /** Takes one out that has ended by `now`; undefined when there is none. */
  takeEnded(now: number): T | undefined {
    const last = Math.floor(now / WIDTH_MS);
    if (this.#buckets.size === 0) this.#first = Math.max(this.#first, last);
    while (this.#first <= last && this.#buckets.size > 0) {
      const item = this.#buckets.get(this.#first)?.pop();
      if (item !== undefined) return item;
      this.#buckets.delete(this.#first);
      this.#first += 1;
    }
    return undefined;
  }
}
