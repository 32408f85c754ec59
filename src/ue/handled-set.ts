/** What the UE has handled: every id at most once, over rekeying, reconnection and restart. */
import { reasonOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';
import { ExpiryBuckets } from './expiry-buckets.ts';

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

/** What names a push: its id is the NAF's own. */
export interface PushKey {
  readonly nafFqdn: string;
  readonly id: string;
}

/** `forgotten`: the handler said "not now", so that the id may come again. */
type EntryState = 'running' | 'done' | 'refused' | 'interrupted' | 'forgotten';

interface Entry extends PushKey {
  digest: string;
  state: EntryState;
  /** Monotonic: a step of the wall clock neither shortens nor lengthens it. */
  deadline: number;
}

/** Not on disk yet, and who waits for that. */
interface Unrecorded {
  readonly entry: Entry;
  readonly state: HandledRecord['state'];
  readonly recorded?: () => void;
}

/** The NAF counts a TTL from when it accepted the push, this end from when it came: a little longer is safe. */
const SLACK_MS = 5_000;
const DEFAULT_CAPACITY = 1_000_000;
const COMPACT_AFTER = 100_000;
/** Records written between a compaction that failed and the next attempt. */
const COMPACT_AGAIN_AFTER = 1_000;
/** A NAF may ask for any TTL; nothing is remembered longer than four weeks. */
const LONGEST_TTL_MS = 28 * 86_400_000;
/** What a restart is told of an entry. */
const RECORDED = {
  running: 'started',
  interrupted: 'started',
  done: 'done',
  refused: 'refused',
  forgotten: 'forgotten',
} as const satisfies Record<EntryState, HandledRecord['state']>;
/** Ended ids that are dropped for each that comes: more than one, so that they do not gather. */
const DROPPED_AT_ONCE = 4;

export class HandledSet {
  readonly #log: HandledLog;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #nafs = new Map<string, Map<string, Entry>>();
  #size = 0;
  readonly #expiry: ExpiryBuckets<Entry>;
  #unrecorded: Unrecorded[] = [];
  #appended = 0;
  #compactAt = COMPACT_AFTER;

  constructor({ log, clock, capacity = DEFAULT_CAPACITY, redeliver = false }: HandledSetOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#capacity = capacity;
    this.#expiry = new ExpiryBuckets(clock.monotonic());
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    for (const { key, digest, state, until } of log.recovered) {
      if (until <= now) continue;
      const deadline = deadlineOf(until - now, monotonic);
      const cutOff = redeliver ? 'forgotten' : 'interrupted';
      this.#hold({
        ...parseKey(key),
        digest,
        deadline,
        state: state === 'started' ? cutOff : state,
      });
    }
    if (log.recovered.length > 0) this.#compact();
  }

  get size(): number {
    return this.#size;
  }

  /** What to do with a push of this payload digest. */
  judge(push: PushKey, digest: string): Verdict {
    const entry = this.#find(push);
    if (entry?.state === 'forgotten') return 'new';
    if (entry !== undefined) return entry.digest === digest ? entry.state : 'conflict';
    if (!this.#isFull(push)) return 'new';
    this.#dropEnded(this.#clock.monotonic(), Infinity);
    return this.#isFull(push) ? 'full' : 'new';
  }

  /**
   * Before the handler runs: on disk when it returns, with all that `finish` left. Gives the moment from
   * which the time counts, monotonic ms. @throws StoreError.
   */
  start({ nafFqdn, id }: PushKey, digest: string, ttlMs: number): number {
    const now = this.#clock.monotonic();
    this.#dropEnded(now, DROPPED_AT_ONCE);
    const deadline = deadlineOf(ttlMs + SLACK_MS, now);
    // Before the write: a compaction that the write sets off keeps it.
    const entry = this.#hold({ nafFqdn, id, digest, deadline, state: 'running' });
    this.#unrecorded.push({ entry, state: 'started' });
    try {
      this.flush();
    } catch (error) {
      this.#unrecorded.pop();
      entry.state = 'forgotten';
      throw error;
    }
    return now;
  }

  /**
   * After the handler: `forgotten` when it said "not now", so that the id may come again. `recorded` is
   * called once the outcome is on disk: with the next `start`, or `flush`; one write serves them all.
   * What it throws becomes the event `gba:push:failed`.
   */
  finish(push: PushKey, outcome: 'done' | 'refused' | 'forgotten', recorded: () => void): void {
    const entry = this.#find(push);
    if (entry === undefined) return recorded();
    entry.state = outcome;
    this.#unrecorded.push({ entry, state: outcome, recorded });
  }

  /** Writes what `finish` left, which stays when that fails. @throws StoreError. */
  flush(): void {
    const unrecorded = this.#unrecorded;
    if (unrecorded.length === 0) return;
    this.#log.append(this.#recordsOf(unrecorded));
    this.#unrecorded = [];
    this.#appended += unrecorded.length;
    for (const { entry, recorded } of unrecorded) {
      try {
        recorded?.();
      } catch (error) {
        publish('gba:push:failed', { id: entry.id, reason: reasonOf(error) });
      }
    }
    if (this.#appended > this.#compactAt && this.#appended > 4 * this.#size) {
      this.#tryCompact();
    }
  }

  #find({ nafFqdn, id }: PushKey): Entry | undefined {
    return this.#nafs.get(nafFqdn)?.get(id);
  }

  #isFull({ nafFqdn }: PushKey): boolean {
    const share = Math.ceil(this.#capacity / 2);
    return this.#size >= this.#capacity || (this.#nafs.get(nafFqdn)?.size ?? 0) >= share;
  }

  /** An id that was forgotten keeps its entry, and so its one place among those that end. */
  #hold(entry: Entry): Entry {
    let entries = this.#nafs.get(entry.nafFqdn);
    if (entries === undefined) {
      entries = new Map();
      this.#nafs.set(entry.nafFqdn, entries);
    }
    const known = entries.get(entry.id);
    if (known !== undefined) return Object.assign(known, entry);
    entries.set(entry.id, entry);
    this.#size += 1;
    this.#expiry.add(entry, entry.deadline);
    return entry;
  }

  #drop({ nafFqdn, id }: Entry): void {
    const entries = this.#nafs.get(nafFqdn);
    if (entries?.delete(id) !== true) return;
    this.#size -= 1;
    if (entries.size === 0) this.#nafs.delete(nafFqdn);
  }

  /** A few for each push that comes: all at once could be a million. */
  #dropEnded(now: number, atMost: number): void {
    for (let looked = 0; looked < atMost; looked += 1) {
      const entry = this.#expiry.takeEnded(now);
      if (entry === undefined) return;
      if (entry.state === 'running') entry.deadline = Math.max(entry.deadline, now + SLACK_MS);
      if (entry.deadline > now) this.#expiry.add(entry, entry.deadline);
      else this.#drop(entry);
    }
  }

  *#recordsOf(unrecorded: readonly Unrecorded[]): Generator<HandledRecord> {
    const toWall = this.#clock.now() - this.#clock.monotonic();
    for (const { entry, state } of unrecorded) yield recordOf(entry, state, toWall);
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
    const toWall = this.#clock.now() - this.#clock.monotonic();
    for (const entries of this.#nafs.values()) {
      for (const entry of entries.values()) {
        if (entry.state !== 'forgotten') yield recordOf(entry, RECORDED[entry.state], toWall);
      }
    }
  }
}

function deadlineOf(leftMs: number, now: number): number {
  return now + Math.min(leftMs, LONGEST_TTL_MS + SLACK_MS);
}

/** `toWall` is what makes monotonic time wall time: a restart reads a deadline as the clock is now. */
function recordOf(
  { nafFqdn, id, digest, deadline }: Entry,
  state: HandledRecord['state'],
  toWall: number,
): HandledRecord {
  const until = Math.max(0, Math.ceil(deadline + toWall));
  return { key: `${nafFqdn}/${id}`, digest, until, state };
}

/** No FQDN has a slash. */
function parseKey(key: string): PushKey {
  const split = key.indexOf('/');
  return { nafFqdn: key.slice(0, split), id: key.slice(split + 1) };
}
