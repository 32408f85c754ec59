/** Reads a TLS message as RFC 8446 clause 3 writes one: integers, and vectors with their length before them. */
import { CodecError } from '../errors.ts';
import { octetCount } from '../lib/bytes.ts';

/**
 * Reads from the left and never past the end, which is that of the innermost vector it is in. It makes
 * nothing by the way: every handshake pays for it.
 */
export class VectorReader {
  readonly #octets: Uint8Array;
  readonly #what: string;
  #at = 0;
  #end: number;

  /** `what` is read, as errors call it. */
  constructor(octets: Uint8Array, what: string) {
    this.#octets = octets;
    this.#what = what;
    this.#end = octets.length;
  }

  /** From the beginning of the message. */
  get offset(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  /** The next octets, unread. @throws CodecError when they are not all there, as all below do. */
  skip(octets: number): void {
    if (octets > this.left) throw this.malformed(`${this.#what} ends early`);
    this.#at += octets;
  }

  /** An unsigned big-endian integer of 1 or 2 octets. */
  uint(octets: 1 | 2): number {
    const at = this.#at;
    this.skip(octets);
    const first = this.#octets[at] ?? 0;
    return octets === 1 ? first : (first << 8) | (this.#octets[at + 1] ?? 0);
  }

  /** Goes into what follows its own length of 1 or 2 octets. What it gives is for `leave`. */
  enter(lengthOctets: 1 | 2): number {
    const length = this.uint(lengthOctets);
    if (length > this.left) throw this.malformed(`${this.#what} ends early`);
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  /** Leaves a vector that is read. @throws CodecError when something of it is left. */
  leave(outer: number): void {
    this.end();
    this.#end = outer;
  }

  /** What follows its own length of 1 or 2 octets, in the same memory. */
  vector(lengthOctets: 1 | 2): Uint8Array {
    const length = this.uint(lengthOctets);
    const from = this.#at;
    this.skip(length);
    return this.#octets.subarray(from, this.#at);
  }

  /** To be called when all is read. @throws CodecError when something is left. */
  end(): void {
    if (this.left > 0) throw this.malformed(`${octetCount(this.left)} too many in ${this.#what}`);
  }

  /** The error for octets that break a rule. */
  malformed(rule: string): CodecError {
    return new CodecError('ERR_CHANNEL_PROTOCOL', rule);
  }
}
