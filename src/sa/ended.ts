/** Whose associations have ended: the BSF may have their keys for a while yet, and none of them comes in again. */
import { StoreError } from '../errors.ts';
import type { BTid } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { recentSet, type RecentSet } from '../lib/limits.ts';

/** One of them, and since when. */
export interface EndedRecord {
  readonly bTid: BTid;
  /** Wall time, ms. */
  readonly endedAt: number;
}

/** Where they outlive the process. Each function throws StoreError. */
export interface EndedLog {
  /** All of them, oldest first. */
  read(): readonly EndedRecord[];
  /** On disk (against `kill -9`) when it returns. */
  append(record: EndedRecord): void;
  /** These alone are there when it returns, or everything as before. */
  replace(records: readonly EndedRecord[]): void;
  /** Again has no effect. */
  close(): void;
}

/** The newest of them, for a month: no BSF keeps a key for longer. */
export class Ended {
  readonly #clock: Clock;
  readonly #log: EndedLog | undefined;
  readonly #recent: RecentSet;
  #appended = 0;

  /** Without a log they are forgotten with the process. @throws StoreError. */
  constructor(clock: Clock, log?: EndedLog) {
    this.#clock = clock;
    this.#log = log;
    this.#recent = recentSet(clock, { entries: MOST, forMs: FOR_MS });
    if (log === undefined) return;
    for (const { bTid } of this.#trim(log)) this.#recent.add(bTid);
  }

  has(bTid: BTid): boolean {
    return this.#recent.has(bTid);
  }

  /** One that cannot be written down holds for this process, and an event says so. */
  add(bTid: BTid): void {
    this.#recent.add(bTid);
    if (this.#log === undefined) return;
    try {
      this.#log.append({ bTid, endedAt: this.#clock.now() });
      this.#appended += 1;
      if (this.#appended >= MOST) this.#trim(this.#log);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      publish('gba:store:failed', { reason: error.message });
    }
  }

  /** Leaves in the log what still counts, and returns that. */
  #trim(log: EndedLog): readonly EndedRecord[] {
    const all = log.read();
    const since = this.#clock.now() - FOR_MS;
    const kept = all.filter(({ endedAt }) => endedAt > since).slice(-MOST);
    if (kept.length < all.length) log.replace(kept);
    this.#appended = 0;
    return kept;
  }
}

const MOST = 100_000;
const FOR_MS = 31 * 86_400_000;
