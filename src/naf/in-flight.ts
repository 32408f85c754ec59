/** The pushes that are out on one layer, oldest first. Each has its place in itself: a Set costs several times as much. */
import type { Entry } from './entry.ts';

export class InFlight {
  #size = 0;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;

  get size(): number {
    return this.#size;
  }

  /** An entry is out on one layer at a time. */
  add(entry: Entry): void {
    entry.outOn = this;
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#size += 1;
  }

  /** False when it is not among them. */
  delete(entry: Entry): boolean {
    if (entry.outOn !== this) return false;
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.outOn = entry.older = entry.newer = undefined;
    this.#size -= 1;
    return true;
  }

  /** Leaves none. */
  takeAll(): Entry[] {
    const all: Entry[] = [];
    for (let entry = this.#oldest; entry !== undefined; entry = this.#oldest) {
      this.delete(entry);
      all.push(entry);
    }
    return all;
  }
}
