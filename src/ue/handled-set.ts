/** What the UE has handled: every id at most once, over rekeying, reconnection and restart. */
import { reasonOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';

export interface HandledSetOptions {
  readonly log: HandledLog;
  readonly clock: Clock;
  /**
   * Ids held at once; beyond it pushes wait at the NAF rather than an id being forgotten early. One NAF
   * has half of it at most.
   */
  readonly capacity?: number;
  /** True chooses at least once: a push whose handler a crash cut off is handled again. */
  readonly redeliver?: boolean;
}

/** What is known of an id when a push with it comes in. `running`: its handler is at work right now. */
export type Verdict = 'new' | 'running' | 'done' | 'refused' | 'interrupted' | 'conflict' | 'full';

interface Entry {
  readonly digest: string;
  readonly state: EntryState;
  /** Monotonic: a step of the wall clock neither shortens nor lengthens it. */
  readonly deadline: number;
}
type EntryState = 'running' | 'done' | 'refused' | 'interrupted';

/** The NAF counts a TTL from when it accepted the push, this end from when it came: a little longer is safe. */
const SLACK_MS = 5_000;
const DEFAULT_CAPACITY = 1_000_000;
const COMPACT_AFTER = 100_000;
/** Records written between a compaction that failed and the next attempt. */
const COMPACT_AGAIN_AFTER = 1_000;
/** A NAF may ask for any TTL; nothing is remembered longer than four weeks. */
const LONGEST_TTL_MS = 28 * 86_400_000;

export class HandledSet {
  readonly #log: HandledLog;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  /** How many of the entries each NAF has. */
  readonly #held = new Map<string, number>();
  /** Not on disk yet, and who waits for that. */
  readonly #records: HandledRecord[] = [];
  readonly #recorded: { readonly key: string; readonly tell: () => void }[] = [];
  #appended = 0;
  #compactAt = COMPACT_AFTER;
  #sweepAt: number;

  constructor({ log, clock, capacity = DEFAULT_CAPACITY, redeliver = false }: HandledSetOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#capacity = capacity;
    const now = clock.now();
    for (const { key, digest, state, until } of log.recovered) {
      const cutOff = state === 'started';
      if (until <= now || state === 'forgotten' || (cutOff && redeliver)) this.#forget(key);
      else {
        const deadline = this.#deadline(until - now);
        this.#hold(key, { digest, deadline, state: cutOff ? 'interrupted' : state });
      }
    }
    this.#sweepAt = clock.monotonic() + SLACK_MS;
    if (log.recovered.length > 0) this.#compact();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What to do with a push of this key (`<NAF FQDN>/<id>`) and payload digest. */
  judge(key: string, digest: string): Verdict {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#isFull(key)) this.#sweepWhenDue();
      return this.#isFull(key) ? 'full' : 'new';
    }
    return entry.digest === digest ? entry.state : 'conflict';
  }

  /** Before the handler runs: on disk when it returns, with all that `finish` left. @throws StoreError. */
  start(key: string, digest: string, ttlMs: number): void {
    this.#sweepWhenDue();
    const deadline = this.#deadline(ttlMs + SLACK_MS);
    // Before the write: a compaction that the write sets off keeps it.
    this.#hold(key, { digest, deadline, state: 'running' });
    this.#records.push({ key, digest, until: this.#wallTime(deadline), state: 'started' });
    try {
      this.flush();
    } catch (error) {
      this.#records.pop();
      this.#forget(key);
      throw error;
    }
  }

  /**
   * After the handler: `forgotten` when it said "not now", so that the id may come again. `recorded` is
   * called once the outcome is on disk: with the next `start`, or `flush`; one write serves them all.
   * What it throws becomes the event `gba:push:failed`.
   */
  finish(key: string, outcome: 'done' | 'refused' | 'forgotten', recorded: () => void): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return recorded();
    const { digest, deadline } = entry;
    if (outcome === 'forgotten') this.#forget(key);
    else this.#hold(key, { digest, deadline, state: outcome });
    this.#records.push({ key, digest, until: this.#wallTime(deadline), state: outcome });
    this.#recorded.push({ key, tell: recorded });
  }

  /** Writes what `finish` left, which stays when that fails. @throws StoreError. */
  flush(): void {
    if (this.#records.length === 0) return;
    this.#log.append(...this.#records);
    this.#appended += this.#records.length;
    this.#records.length = 0;
    for (const { key, tell } of this.#recorded.splice(0)) {
      try {
        tell();
      } catch (error) {
        publish('gba:push:failed', { id: idOf(key), reason: reasonOf(error) });
      }
    }
    if (this.#appended > this.#compactAt && this.#appended > 4 * this.#entries.size) {
      this.#tryCompact();
    }
  }

  #isFull(key: string): boolean {
    const share = Math.ceil(this.#capacity / 2);
    return this.#entries.size >= this.#capacity || (this.#held.get(nafOf(key)) ?? 0) >= share;
  }

  #hold(key: string, entry: Entry): void {
    if (!this.#entries.has(key)) {
      const naf = nafOf(key);
      this.#held.set(naf, (this.#held.get(naf) ?? 0) + 1);
    }
    this.#entries.set(key, entry);
  }

  #forget(key: string): void {
    if (!this.#entries.delete(key)) return;
    const naf = nafOf(key);
    const left = (this.#held.get(naf) ?? 0) - 1;
    if (left > 0) this.#held.set(naf, left);
    else this.#held.delete(naf);
  }

  /** Not for each push: a set that is full is long. */
  #sweepWhenDue(): void {
    const now = this.#clock.monotonic();
    if (now < this.#sweepAt) return;
    for (const [key, { deadline, state }] of this.#entries) {
      if (deadline <= now && state !== 'running') this.#forget(key);
    }
    this.#sweepAt = now + SLACK_MS;
  }

  #deadline(leftMs: number): number {
    return this.#clock.monotonic() + Math.min(leftMs, LONGEST_TTL_MS + SLACK_MS);
  }

  /** A deadline as a restart reads it: epoch ms, by the wall clock as it is now. */
  #wallTime(deadline: number): number {
    const leftMs = deadline - this.#clock.monotonic();
    return Math.max(0, Math.ceil(this.#clock.now() + leftMs));
  }

  /** The log goes on as it is when this fails: longer than it need be, and complete. */
  #tryCompact(): void {
    try {
      this.#compact();
    } catch {
      this.#compactAt = this.#appended + COMPACT_AGAIN_AFTER;
    }
  }

  #compact(): void {
    this.#log.compact(this.#live());
    this.#appended = 0;
    this.#compactAt = COMPACT_AFTER;
  }

  *#live(): Generator<HandledRecord> {
    for (const [key, { digest, deadline, state }] of this.#entries) {
      const cutOff = state === 'running' || state === 'interrupted';
      yield { key, digest, until: this.#wallTime(deadline), state: cutOff ? 'started' : state };
    }
  }
}

function nafOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

function idOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
