/** Reads a TLS message as RFC 8446 clause 3 writes one: integers, and vectors with their length before them. */
import { CodecError } from '../errors.ts';
import { octetCount } from '../lib/bytes.ts';

/** Reads from the left and never past the end. It copies nothing: every handshake pays for it. */
export class VectorReader {
  readonly #octets: Uint8Array;
  readonly #what: string;
  readonly #end: number;
  #at: number;

  /** `what` is read, as errors call it. */
  constructor(octets: Uint8Array, what: string, from = 0, end = octets.length) {
    this.#octets = octets;
    this.#what = what;
    this.#at = from;
    this.#end = end;
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

  /** What follows its own length, which has 1 or 2 octets. */
  vector(lengthOctets: 1 | 2): VectorReader {
    const length = this.uint(lengthOctets);
    const from = this.#at;
    this.skip(length);
    return new VectorReader(this.#octets, this.#what, from, this.#at);
  }

  /** Everything that is left, in the same memory. */
  rest(): Uint8Array {
    const from = this.#at;
    this.#at = this.#end;
    return this.#octets.subarray(from, this.#end);
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
