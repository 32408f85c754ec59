/** What the UE has handled: every id at most once, over rekeying, reconnection and restart. */
import type { Clock } from '../lib/clock.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';

export interface HandledSetOptions {
  readonly log: HandledLog;
  readonly clock: Clock;
  /** Ids held at once; beyond it pushes wait at the NAF rather than an id being forgotten early. */
  readonly capacity?: number;
  /** True chooses at least once: a push whose handler a crash cut off is handled again. */
  readonly redeliver?: boolean;
}

/** What is known of an id when a push with it comes in. `running`: its handler is at work right now. */
export type Verdict = 'new' | 'running' | 'done' | 'refused' | 'interrupted' | 'conflict' | 'full';

type Entry = Pick<HandledRecord, 'digest' | 'until'> & { readonly state: EntryState };
type EntryState = 'running' | 'done' | 'refused' | 'interrupted';

/** The NAF counts a TTL from when it accepted the push, this end from when it came: a little longer is safe. */
const SLACK_MS = 5_000;
const DEFAULT_CAPACITY = 1_000_000;
const COMPACT_AFTER = 100_000;
/** What 15 digits hold, epoch ms: a NAF may ask for any TTL. */
const LATEST = 999_999_999_999_999;

export class HandledSet {
  readonly #log: HandledLog;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  /** Not on disk yet, and who waits for that. */
  readonly #records: HandledRecord[] = [];
  readonly #recorded: (() => void)[] = [];
  #appended = 0;
  #sweepAt: number;

  constructor({ log, clock, capacity = DEFAULT_CAPACITY, redeliver = false }: HandledSetOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#capacity = capacity;
    const now = clock.now();
    for (const { key, digest, state, until } of log.recovered) {
      const cutOff = state === 'started';
      if (until <= now || state === 'forgotten' || (cutOff && redeliver)) this.#entries.delete(key);
      else this.#entries.set(key, { digest, until, state: cutOff ? 'interrupted' : state });
    }
    this.#sweepAt = now + SLACK_MS;
    if (log.recovered.length > 0) this.#compact();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What to do with a push of this key (`<NAF FQDN>/<id>`) and payload digest. */
  judge(key: string, digest: string): Verdict {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= this.#capacity) this.#sweep(this.#clock.now());
      return this.#entries.size < this.#capacity ? 'new' : 'full';
    }
    return entry.digest === digest ? entry.state : 'conflict';
  }

  /** Before the handler runs: on disk when it returns, with all that `finish` left. @throws StoreError. */
  start(key: string, digest: string, ttlMs: number): void {
    const now = this.#clock.now();
    if (now >= this.#sweepAt) this.#sweep(now);
    const until = Math.min(Math.ceil(now + ttlMs + SLACK_MS), LATEST);
    const entry: Entry = { digest, until, state: 'running' };
    // Before the write: a compaction that the write sets off keeps what is here.
    this.#entries.set(key, entry);
    this.#records.push({ key, digest, until: entry.until, state: 'started' });
    try {
      this.flush();
    } catch (error) {
      this.#entries.delete(key);
      this.#records.pop();
      throw error;
    }
  }

  /**
   * After the handler: `forgotten` when it said "not now", so that the id may come again. `recorded` is
   * called once the outcome is on disk: with the next `start`, or `flush`; one write serves them all.
   */
  finish(key: string, outcome: 'done' | 'refused' | 'forgotten', recorded: () => void): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return recorded();
    const { digest, until } = entry;
    if (outcome === 'forgotten') this.#entries.delete(key);
    else this.#entries.set(key, { digest, until, state: outcome });
    this.#records.push({ key, digest, until, state: outcome });
    this.#recorded.push(recorded);
  }

  /** Writes what `finish` left, which stays when that fails. @throws StoreError. */
  flush(): void {
    if (this.#records.length === 0) return;
    this.#log.append(...this.#records);
    this.#appended += this.#records.length;
    this.#records.length = 0;
    for (const tell of this.#recorded.splice(0)) tell();
    if (this.#appended > COMPACT_AFTER && this.#appended > 4 * this.#entries.size) this.#compact();
  }

  #sweep(now: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.until <= now && entry.state !== 'running') this.#entries.delete(key);
    }
    this.#sweepAt = now + SLACK_MS;
  }

  #compact(): void {
    this.#log.compact(this.#live());
    this.#appended = 0;
  }

  *#live(): Generator<HandledRecord> {
    for (const [key, { digest, until, state }] of this.#entries) {
      const cutOff = state === 'running' || state === 'interrupted';
      yield { key, digest, until, state: cutOff ? 'started' : state };
    }
  }
}
