/** What the UE has handled: every id at most once, over rekeying, reconnection and restart. */
import { reasonOf } from '../errors.ts';
import { MAX_PUSH_ID } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';
import { ExpiryBuckets } from './expiry-buckets.ts';
import { readRecord, recordOf, RECORDED_STATES, type PushKey } from './handled-records.ts';
import { HandledTable, NOWHERE, type EntryState } from './handled-table.ts';

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

/** Why the handler must not run. `running`: it is at work right now; `full`: no id is taken in. */
export type Refusal = Exclude<EntryState, 'forgotten'> | 'conflict' | 'full';

/** A push whose handler runs, and what is to be written of it. */
export interface Started extends PushKey {
  readonly digest: string;
  /** The moment from which the time counts, monotonic ms. */
  readonly at: number;
  /** Its place in the table. */
  readonly place: number;
  deadline: number;
  state: HandledRecord['state'];
  /** Called once that is on disk. */
  recorded: (() => void) | undefined;
}

/** What the table has of an id. */
interface Held {
  readonly id: string;
  readonly digest: string;
  readonly deadline: number;
  readonly state: EntryState;
}

/** How many ids a NAF has here, under its number. */
interface Naf {
  readonly number: number;
  held: number;
}

/** The NAF counts a TTL from when it accepted the push, this end from when it came: a little longer is safe. */
const SLACK_MS = 5_000;
const DEFAULT_CAPACITY = 1_000_000;
const COMPACT_AFTER = 100_000;
/** Records written between a compaction that failed and the next attempt. */
const COMPACT_AGAIN_AFTER = 1_000;
/** A NAF may ask for any TTL; nothing is remembered longer than four weeks. */
const LONGEST_TTL_MS = 28 * 86_400_000;
/** Ended ids that are dropped for each that comes: more than one, so that they do not gather. */
const DROPPED_AT_ONCE = 4;

export class HandledSet {
  readonly #log: HandledLog;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #table = new HandledTable();
  readonly #nafs = new Map<string, Naf>();
  /** By their numbers. */
  readonly #fqdns: string[] = [];
  /** Places in the table. A deadline is monotonic: a step of the wall clock changes none. */
  readonly #expiry: ExpiryBuckets<number>;
  /** Not on disk yet. */
  #unrecorded: Started[] = [];
  #appended = 0;
  #compactAt = COMPACT_AFTER;

  constructor({ log, clock, capacity = DEFAULT_CAPACITY, redeliver = false }: HandledSetOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#capacity = capacity;
    this.#expiry = new ExpiryBuckets(clock.monotonic());
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    for (const record of log.recovered) {
      const { state, until } = record;
      const push = readRecord(record);
      // No push has an id so long.
      if (until <= now || push.id.length > MAX_PUSH_ID) continue;
      const cutOff = redeliver ? 'forgotten' : 'interrupted';
      const { id, digest } = push;
      const naf = this.#nafOf(push.nafFqdn);
      this.#hold(naf, this.#table.find(naf.number, id), {
        ...{ id, digest, deadline: deadlineOf(until - now, monotonic) },
        state: state === 'started' ? cutOff : state,
      });
    }
    if (log.recovered.length > 0) this.#compact();
  }

  get size(): number {
    return this.#table.size;
  }

  /**
   * Before the handler runs: on disk when it returns, with all that `finish` left; or why it must not run.
   * @throws StoreError.
   */
  start({ nafFqdn, id }: PushKey, digest: string, ttlMs: number): Started | Refusal {
    const now = this.#clock.monotonic();
    this.#dropEnded(now, DROPPED_AT_ONCE);
    const naf = this.#nafOf(nafFqdn);
    const known = this.#table.find(naf.number, id);
    const refusal = this.#refusal(naf, known, digest);
    if (refusal !== undefined) return refusal;
    const deadline = deadlineOf(ttlMs + SLACK_MS, now);
    // Before the write: a compaction that the write sets off keeps it.
    const place = this.#hold(naf, known, { id, digest, deadline, state: 'running' });
    const started: Started = {
      nafFqdn,
      id,
      digest,
      at: now,
      place,
      deadline,
      state: 'started',
      recorded: undefined,
    };
    this.#unrecorded.push(started);
    try {
      this.flush();
    } catch (error) {
      this.#unrecorded.pop();
      this.#table.setState(place, 'forgotten');
      throw error;
    }
    return started;
  }

  /**
   * After the handler: `forgotten` when it said "not now", so that the id may come again. `recorded` is
   * called once the outcome is on disk: with the next `start`, or `flush`; one write serves them all.
   * What it throws becomes the event `gba:push:failed`.
   */
  finish(started: Started, outcome: 'done' | 'refused' | 'forgotten', recorded: () => void): void {
    this.#table.setState(started.place, outcome);
    started.deadline = this.#table.deadlineOf(started.place);
    started.state = outcome;
    started.recorded = recorded;
    this.#unrecorded.push(started);
  }

  /** Writes what `finish` left, which stays when that fails. @throws StoreError. */
  flush(): void {
    const unrecorded = this.#unrecorded;
    if (unrecorded.length === 0) return;
    this.#log.append(this.#records);
    this.#unrecorded = [];
    this.#appended += unrecorded.length;
    for (const { id, recorded } of unrecorded) {
      try {
        recorded?.();
      } catch (error) {
        publish('gba:push:failed', { id, reason: reasonOf(error) });
      }
    }
    if (this.#appended > this.#compactAt && this.#appended > 4 * this.size) {
      this.#tryCompact();
    }
  }

  /** `place` is where its id is known, or `NOWHERE`. */
  #refusal(naf: Naf, place: number, digest: string): Refusal | undefined {
    if (place !== NOWHERE) {
      const state = this.#table.stateOf(place);
      if (state === 'forgotten') return undefined;
      return this.#table.hasDigest(place, digest) ? state : 'conflict';
    }
    if (!this.#isFull(naf)) return undefined;
    this.#dropEnded(this.#clock.monotonic(), Infinity);
    return this.#isFull(naf) ? 'full' : undefined;
  }

  #isFull(naf: Naf): boolean {
    return this.size >= this.#capacity || naf.held >= Math.ceil(this.#capacity / 2);
  }

  /** An id that was forgotten keeps its entry, and so its one place among those that end. */
  #hold(naf: Naf, known: number, { id, digest, deadline, state }: Held): number {
    let place = known;
    if (place === NOWHERE) {
      naf.held += 1;
      place = this.#table.add(naf.number, id);
      this.#expiry.add(place, deadline);
    }
    this.#table.setDigest(place, digest);
    this.#table.setDeadline(place, deadline);
    this.#table.setState(place, state);
    return place;
  }

  #nafOf(fqdn: string): Naf {
    let naf = this.#nafs.get(fqdn);
    if (naf === undefined) {
      naf = { number: this.#fqdns.push(fqdn) - 1, held: 0 };
      this.#nafs.set(fqdn, naf);
    }
    return naf;
  }

  /** A few for each push that comes: all at once could be a million. */
  #dropEnded(now: number, atMost: number): void {
    for (let looked = 0; looked < atMost; looked += 1) {
      const place = this.#expiry.takeEnded(now);
      if (place === undefined) return;
      const deadline = this.#table.deadlineOf(place);
      if (this.#table.stateOf(place) === 'running')
        this.#keep(place, Math.max(deadline, now + SLACK_MS));
      else if (deadline > now) this.#expiry.add(place, deadline);
      else this.#drop(place);
    }
  }

  #keep(place: number, deadline: number): void {
    this.#table.setDeadline(place, deadline);
    this.#expiry.add(place, deadline);
  }

  #drop(place: number): void {
    this.#nafOf(this.#fqdnOf(place)).held -= 1;
    this.#table.remove(place);
  }

  #fqdnOf(place: number): string {
    return this.#fqdns[this.#table.nafOf(place)] ?? '';
  }

  /** What is unrecorded, for a log that reads it. */
  readonly #records: Iterable<HandledRecord> = {
    [Symbol.iterator]: () => this.#unrecordedRecords(),
  };

  *#unrecordedRecords(): Generator<HandledRecord> {
    const toWall = this.#clock.now() - this.#clock.monotonic();
    for (const started of this.#unrecorded) yield recordOf(started, toWall);
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
    const table = this.#table;
    const toWall = this.#clock.now() - this.#clock.monotonic();
    for (const place of table.all()) {
      const state = table.stateOf(place);
      if (state === 'forgotten') continue;
      const [nafFqdn, id] = [this.#fqdnOf(place), table.idOf(place)];
      const [digest, deadline] = [table.digestOf(place), table.deadlineOf(place)];
      yield recordOf({ nafFqdn, id, digest, deadline, state: RECORDED_STATES[state] }, toWall);
    }
  }
}

function deadlineOf(leftMs: number, now: number): number {
  return now + Math.min(leftMs, LONGEST_TTL_MS + SLACK_MS);
}
