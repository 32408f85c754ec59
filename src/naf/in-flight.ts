/** The pushes that are out on one layer, oldest first. Each has its place in itself: a Set costs several times as much. */
import type { Entry } from './entry.ts';

/** Where an entry stands among those that are out; InFlight's own. */
export interface Place {
  of: InFlight | undefined;
  older: Entry | undefined;
  newer: Entry | undefined;
}

export class InFlight {
  #size = 0;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;

  get size(): number {
    return this.#size;
  }

  /** An entry is out on one layer at a time. */
  add(entry: Entry): void {
    const { place } = entry;
    place.of = this;
    place.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.place.newer = entry;
    this.#newest = entry;
    this.#size += 1;
  }

  /** False when it is not among them. */
  delete(entry: Entry): boolean {
    const { place } = entry;
    if (place.of !== this) return false;
    const { older, newer } = place;
    if (older === undefined) this.#oldest = newer;
    else older.place.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.place.older = older;
    place.of = place.older = place.newer = undefined;
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
