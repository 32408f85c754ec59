/** A queue whose members know their neighbours: what comes and goes all the time is found and let go at once. */

/** What may stand in a line, in one at a time. The fields are the line's own. */
export interface Standing<T> {
  line: object | undefined;
  ahead: T | undefined;
  behind: T | undefined;
}

/**
 * In the order of coming. A Set would be rebuilt every few dozen comings and goings, and its old tables keep
 * what has gone alive until the next full collection of garbage.
 */
export class Line<T extends Standing<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who has stood here longest. */
  get first(): T | undefined {
    return this.#first;
  }

  has(item: T): boolean {
    return item.line === this;
  }

  /** At the end. It stands in no line. */
  add(item: T): void {
    const last = this.#last;
    item.line = this;
    item.ahead = last;
    if (last === undefined) this.#first = item;
    else last.behind = item;
    this.#last = item;
    this.#size += 1;
  }

  /** False when it does not stand here. What has gone holds nobody. */
  delete(item: T): boolean {
    if (item.line !== this) return false;
    const { ahead, behind } = item;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    item.line = undefined;
    item.ahead = undefined;
    item.behind = undefined;
    this.#size -= 1;
    return true;
  }

  /** Leaves nobody; in order. */
  takeAll(): T[] {
    const all = [...this];
    for (const item of all) this.delete(item);
    return all;
  }

  /** In order. Whoever is given may leave meanwhile, and so may everyone else. */
  *[Symbol.iterator](): Generator<T> {
    const all: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.behind) all.push(item);
    for (const item of all) if (item.line === this) yield item;
  }
}
