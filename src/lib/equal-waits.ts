/** Any number that wait equally long, and one timer: who came first is due first. */
import type { Clock, Timer } from './clock.ts';
import { Line, type Standing } from './line.ts';

/** What waits, in one line at a time. */
export interface Waiting<T> extends Standing<T> {
  /** Monotonic ms; of whoever joins never before that of the others. */
  readonly dueAt: number;
}

export interface EqualWaitsOptions<T> {
  readonly clock: Clock;
  /** Gets each whose time is over, in the order of coming; it stands here no more. */
  readonly onDue: (item: T) => void;
}

/** To come and to go costs no timer, as long as somebody waits. */
export class EqualWaits<T extends Waiting<T>> {
  readonly #options: EqualWaitsOptions<T>;
  readonly #line = new Line<T>();
  #timer: Timer | undefined;

  constructor(options: EqualWaitsOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#line.size;
  }

  add(item: T): void {
    this.#line.add(item);
    if (this.#timer === undefined) this.#arm(item);
  }

  /** False when it does not stand here. */
  delete(item: T): boolean {
    if (!this.#line.delete(item)) return false;
    if (this.#line.size === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    return true;
  }

  /** In the order of coming. */
  [Symbol.iterator](): Iterator<T> {
    return this.#line[Symbol.iterator]();
  }

  #arm({ dueAt }: T): void {
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(0, dueAt - clock.monotonic()), this.#fire);
  }

  /** Whoever it was set for may have gone: then nobody is due yet. */
  readonly #fire = (): void => {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    let { first } = this.#line;
    try {
      for (; first !== undefined && first.dueAt <= now; first = this.#line.first) {
        this.#line.delete(first);
        this.#options.onDue(first);
      }
    } finally {
      ({ first } = this.#line);
      if (first !== undefined && this.#timer === undefined) this.#arm(first);
    }
  };
}
