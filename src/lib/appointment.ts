/** One moment to come and what happens then; setting it anew moves it. */
import type { Clock, Timer } from './clock.ts';

export class Appointment {
  readonly #clock: Clock;
  readonly #action: () => void;
  #at = Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Monotonic ms; Infinity when there is none. */
  get at(): number {
    return this.#at;
  }

  /** Moves it to `at`, monotonic ms, seen from `now`; Infinity is no moment. What is past happens soon. */
  set(at: number, now = this.#clock.monotonic()): void {
    this.cancel();
    if (at === Infinity) return;
    this.#at = at;
    this.#timer = this.#clock.after(Math.max(0, at - now), () => {
      this.#at = Infinity;
      this.#timer = undefined;
      this.#action();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }
}
