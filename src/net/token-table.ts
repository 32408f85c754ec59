/** What waits for an answer, under 4-octet tokens counted up (RFC 7252 5.3.1). */

/**
 * A ring: the place of a token is its last bits, and a token whose place is taken is left out. A Map would
 * be rebuilt every few requests, and its old tables keep what is over alive until the next full collection.
 */
export class TokenTable<T> {
  /** None until something waits: of ten thousand idle channels most have nothing ever. */
  #waiting: (T | undefined)[] = [];
  #tokens: number[] = [];
  #size = 0;
  #last = -1;

  get size(): number {
    return this.#size;
  }

  /** The next free token. The octets are overwritten by the next call, of any table: encode them at once. */
  reserve(): Uint8Array {
    if (this.#size === this.#waiting.length) this.#grow();
    do this.#last = (this.#last + 1) | 0;
    while (this.#waiting[this.#placeOf(this.#last)] !== undefined);
    token[0] = this.#last >>> 24;
    token[1] = this.#last >>> 16;
    token[2] = this.#last >>> 8;
    token[3] = this.#last;
    return token;
  }

  /** Keeps `waiting` under the token that was reserved last. */
  hold(waiting: T): void {
    const place = this.#placeOf(this.#last);
    this.#waiting[place] = waiting;
    this.#tokens[place] = this.#last;
    this.#size += 1;
  }

  /** Gives back what waits under the token in these octets, once; undefined for a token that nothing waits for. */
  take(octets: Uint8Array, start = 0, end = octets.length): T | undefined {
    if (end - start !== TOKEN_OCTETS) return undefined;
    let key = 0;
    for (let at = start; at < end; at++) key = (key << 8) | (octets[at] ?? 0);
    const place = this.#placeOf(key);
    const waiting = this.#tokens[place] === key ? this.#waiting[place] : undefined;
    if (waiting === undefined) return undefined;
    this.#waiting[place] = undefined;
    this.#size -= 1;
    if (this.#size === 0 && this.#waiting.length > KEPT_PLACES) this.#empty();
    return waiting;
  }

  /** Gives back what has waited longest. */
  takeOldest(): T | undefined {
    const [oldest] = this.#places();
    if (oldest === undefined) return undefined;
    const waiting = this.#waiting[oldest];
    this.#waiting[oldest] = undefined;
    this.#size -= 1;
    return waiting;
  }

  /** Empties the table; oldest first. */
  takeAll(): T[] {
    const all = this.#places().flatMap((place) => this.#waiting[place] ?? []);
    this.#empty();
    return all;
  }

  #empty(): void {
    this.#waiting = [];
    this.#tokens = [];
    this.#size = 0;
  }

  /** A whole power of two of places, if any. */
  #placeOf(key: number): number {
    return key & (this.#waiting.length - 1);
  }

  /** Those that are taken; the token counted first comes first. */
  #places(): number[] {
    const age = (place: number): number => (this.#last - (this.#tokens[place] ?? 0)) >>> 0;
    return [...this.#waiting.keys()]
      .filter((place) => this.#waiting[place] !== undefined)
      .sort((a, b) => age(b) - age(a));
  }

  #grow(): void {
    const [waiting, tokens] = [this.#waiting, this.#tokens];
    const places = Math.max(FIRST_PLACES, 2 * waiting.length);
    this.#waiting = new Array<T | undefined>(places).fill(undefined);
    this.#tokens = new Array<number>(places).fill(0);
    tokens.forEach((key, place) => {
      this.#waiting[this.#placeOf(key)] = waiting[place];
      this.#tokens[this.#placeOf(key)] = key;
    });
  }
}

const TOKEN_OCTETS = 4;
const FIRST_PLACES = 4;
/** A channel that idles keeps no more of what a burst took. */
const KEPT_PLACES = 64;
const token = new Uint8Array(TOKEN_OCTETS);
