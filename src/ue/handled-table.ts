/** Ids and what is known of each, as octets in one piece of memory: a million of them cost the garbage collector nothing. */
import { randomInt } from 'node:crypto';
import { MAX_PUSH_ID } from '../ids.ts';

/** What is known of an id. `running`: its handler is at work; `forgotten`: it said "not now", the id may come again. */
export type EntryState = (typeof STATES)[number];

const STATES = ['running', 'done', 'refused', 'interrupted', 'forgotten'] as const;
const STATE_NUMBERS: Readonly<Record<EntryState, number>> = {
  running: 0,
  done: 1,
  refused: 2,
  interrupted: 3,
  forgotten: 4,
};

/** Of a SHA-256, octets. */
const DIGEST = 32;

/**
 * An entry: its deadline, the hash of NAF and id, the NAF (or the next free place), state, length of the
 * id, id, digest. Whole 8 octets, as the deadline is a double.
 */
const HASH_AT = 8;
const NAF_AT = 12;
const STATE_AT = 16;
const LENGTH_AT = 17;
const ID_AT = 18;
const DIGEST_AT = ID_AT + MAX_PUSH_ID;
const ENTRY = 8 * Math.ceil((DIGEST_AT + DIGEST) / 8);

const FIRST_PLACES = 16;
/** An index at most half full: most that looks for an id that is new reads one slot of it, and no entry. */
const SLOTS_PER_PLACE = 2;
const FIRST_INDEX = 2 * SLOTS_PER_PLACE * FIRST_PLACES;

/** Names an entry by its place, a whole number, which stays until the entry is removed. */
export class HandledTable {
  #octets = new Uint8Array();
  #words = new Int32Array();
  #doubles = new Float64Array();
  /** Places that were used at some time; of those that are free again, the first: each names the next. */
  #used = 0;
  #free = NOWHERE;
  #size = 0;
  /** Two words a slot: the hash, and the place and 1; 0 for none. Linear probing. */
  #index = new Int32Array(FIRST_INDEX);

  get size(): number {
    return this.#size;
  }

  /** Memory that it holds, octets. */
  get octets(): number {
    return this.#octets.length + this.#index.byteLength;
  }

  /** `NOWHERE` for an id that is not here. `naf`: a number for its NAF. */
  find(naf: number, id: string): number {
    const index = this.#index;
    const mask = index.length / 2 - 1;
    const hash = hashOf(naf, id);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = (index[2 * slot + 1] ?? 0) - 1;
      if (place === NOWHERE) return NOWHERE;
      if (index[2 * slot] === hash && this.#is(place, naf, id)) return place;
    }
  }

  /** Adds an id that is not here, of at most `MAX_PUSH_ID` characters; its place. */
  add(naf: number, id: string): number {
    const place = this.#takePlace();
    const hash = hashOf(naf, id);
    const [octets, at] = [this.#octets, place * ENTRY];
    this.#words[(at + HASH_AT) / 4] = hash;
    this.#words[(at + NAF_AT) / 4] = naf;
    octets[at + LENGTH_AT] = id.length;
    for (let i = 0; i < id.length; i++) octets[at + ID_AT + i] = id.charCodeAt(i);
    this.#size += 1;
    if (this.#size * 2 * SLOTS_PER_PLACE > this.#index.length) this.#growIndex();
    insert(this.#index, hash, place);
    return place;
  }

  /** Later entries move up, so that no search ends too early. */
  remove(place: number): void {
    const index = this.#index;
    const mask = index.length / 2 - 1;
    let hole = (this.#words[(place * ENTRY + HASH_AT) / 4] ?? 0) & mask;
    while (index[2 * hole + 1] !== place + 1) hole = (hole + 1) & mask;
    for (let next = (hole + 1) & mask; index[2 * next + 1] !== 0; next = (next + 1) & mask) {
      const home = (index[2 * next] ?? 0) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      index[2 * hole] = index[2 * next] ?? 0;
      index[2 * hole + 1] = index[2 * next + 1] ?? 0;
      hole = next;
    }
    index[2 * hole + 1] = 0;
    this.#octets[place * ENTRY + LENGTH_AT] = 0;
    this.#words[(place * ENTRY + NAF_AT) / 4] = this.#free;
    this.#free = place;
    this.#size -= 1;
    if (this.#size === 0 && this.#octets.length > FIRST_PLACES * ENTRY) this.#giveBack();
  }

  /** Every place that has an entry. */
  *all(): Generator<number> {
    for (let place = 0; place < this.#used; place += 1) {
      if (this.#octets[place * ENTRY + LENGTH_AT] !== 0) yield place;
    }
  }

  nafOf(place: number): number {
    return this.#words[(place * ENTRY + NAF_AT) / 4] ?? 0;
  }

  idOf(place: number): string {
    const at = place * ENTRY;
    return this.#text(at + ID_AT, this.#octets[at + LENGTH_AT] ?? 0);
  }

  /** A character for each octet, as everywhere here. */
  digestOf(place: number): string {
    return this.#text(place * ENTRY + DIGEST_AT, DIGEST);
  }

  hasDigest(place: number, digest: string): boolean {
    return this.#isText(place * ENTRY + DIGEST_AT, digest);
  }

  stateOf(place: number): EntryState {
    return STATES[this.#octets[place * ENTRY + STATE_AT] ?? 0] ?? 'running';
  }

  /** Monotonic ms. */
  deadlineOf(place: number): number {
    return this.#doubles[(place * ENTRY) / 8] ?? 0;
  }

  setState(place: number, state: EntryState): void {
    this.#octets[place * ENTRY + STATE_AT] = STATE_NUMBERS[state];
  }

  setDeadline(place: number, deadline: number): void {
    this.#doubles[(place * ENTRY) / 8] = deadline;
  }

  setDigest(place: number, digest: string): void {
    const [octets, at] = [this.#octets, place * ENTRY + DIGEST_AT];
    for (let i = 0; i < DIGEST; i++) octets[at + i] = digest.charCodeAt(i);
  }

  #is(place: number, naf: number, id: string): boolean {
    const at = place * ENTRY;
    if (this.#octets[at + LENGTH_AT] !== id.length) return false;
    return this.#words[(at + NAF_AT) / 4] === naf && this.#isText(at + ID_AT, id);
  }

  #isText(at: number, text: string): boolean {
    const octets = this.#octets;
    for (let i = 0; i < text.length; i++) {
      if (octets[at + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  #text(at: number, length: number): string {
    return String.fromCharCode(...this.#octets.subarray(at, at + length));
  }

  #takePlace(): number {
    const place = this.#free;
    if (place !== NOWHERE) {
      this.#free = this.nafOf(place);
      return place;
    }
    if ((this.#used + 1) * ENTRY > this.#octets.length) this.#grow();
    this.#used += 1;
    return this.#used - 1;
  }

  #grow(): void {
    const octets = new Uint8Array(Math.max(FIRST_PLACES * ENTRY, 2 * this.#octets.length));
    octets.set(this.#octets);
    this.#lieIn(octets);
  }

  #lieIn(octets: Uint8Array<ArrayBuffer>): void {
    this.#octets = octets;
    this.#words = new Int32Array(octets.buffer);
    this.#doubles = new Float64Array(octets.buffer);
  }

  /** Nothing is left: what a busy hour took is not kept for a quiet year. */
  #giveBack(): void {
    this.#lieIn(new Uint8Array());
    this.#index = new Int32Array(FIRST_INDEX);
    this.#used = 0;
    this.#free = NOWHERE;
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Int32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const place = (old[at + 1] ?? 0) - 1;
      if (place !== NOWHERE) insert(this.#index, old[at] ?? 0, place);
    }
  }
}

/** No place. */
export const NOWHERE = -1;

/** Made anew in each process, so that nobody can choose ids that meet in one slot. */
const SEED = randomInt(2 ** 32) | 0;
const FACTOR = randomInt(2 ** 32) | 1;

/** Four characters at a time. */
function hashOf(naf: number, id: string): number {
  const { length } = id;
  let hash = SEED ^ naf;
  for (let i = 0; i < length; i += 4) {
    let word = id.charCodeAt(i);
    if (i + 1 < length) word |= id.charCodeAt(i + 1) << 8;
    if (i + 2 < length) word |= id.charCodeAt(i + 2) << 16;
    if (i + 3 < length) word |= id.charCodeAt(i + 3) << 24;
    hash = Math.imul(hash ^ word, FACTOR);
    hash ^= hash >>> 15;
  }
  return hash;
}

function insert(index: Int32Array, hash: number, place: number): void {
  const mask = index.length / 2 - 1;
  let slot = hash & mask;
  while (index[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  index[2 * slot] = hash;
  index[2 * slot + 1] = place + 1;
}
