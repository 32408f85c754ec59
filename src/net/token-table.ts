/** What waits for an answer, under 4-octet tokens counted up (RFC 7252 5.3.1). */

export class TokenTable<T> {
  /** Undefined until something waits: of ten thousand idle channels most have nothing ever. */
  #waiting: Map<number, T> | undefined;
  #last = -1;

  get size(): number {
    return this.#waiting?.size ?? 0;
  }

  /** The next free token. The octets are overwritten by the next call, of any table: encode them at once. */
  reserve(): Uint8Array {
    do this.#last = (this.#last + 1) | 0;
    while (this.#waiting?.has(this.#last));
    token[0] = this.#last >>> 24;
    token[1] = this.#last >>> 16;
    token[2] = this.#last >>> 8;
    token[3] = this.#last;
    return token;
  }

  /** Keeps `waiting` under the token that was reserved last. */
  hold(waiting: T): void {
    this.#waiting ??= new Map();
    this.#waiting.set(this.#last, waiting);
  }

  /** Gives back what waits under the token in these octets, once; undefined for a token that nothing waits for. */
  take(octets: Uint8Array, start = 0, end = octets.length): T | undefined {
    if (end - start !== TOKEN_OCTETS) return undefined;
    let key = 0;
    for (let at = start; at < end; at++) key = (key << 8) | (octets[at] ?? 0);
    const waiting = this.#waiting?.get(key);
    if (waiting !== undefined) this.#waiting?.delete(key);
    return waiting;
  }

  /** Gives back what has waited longest. */
  takeOldest(): T | undefined {
    for (const [key, waiting] of this.#waiting ?? []) {
      this.#waiting?.delete(key);
      return waiting;
    }
    return undefined;
  }

  /** Empties the table; oldest first. */
  takeAll(): Iterable<T> {
    const all = this.#waiting;
    this.#waiting = undefined;
    return all?.values() ?? [];
  }
}

const TOKEN_OCTETS = 4;
const token = new Uint8Array(TOKEN_OCTETS);
