/** Reading octets field by field, so that whoever listens learns the name and place of each one. */
import { CodecError, type GbaErrorCode } from '../errors.ts';
import { octetCount, view } from '../lib/bytes.ts';

/**
 * Is told of every field, in order. Of a field that the octets end in, `octets` is what there is and
 * `missing` how many are not; otherwise `missing` is 0.
 */
export type NoteField = (name: string, offset: number, octets: Uint8Array, missing: number) => void;

export interface FieldSource {
  /** Of the errors that reading throws. */
  readonly code: GbaErrorCode;
  /** What is read, as their messages call it: `the SMS`. */
  readonly what: string;
  readonly note?: NoteField | undefined;
  /** The offset of the first octet, in notes. Default 0. */
  readonly base?: number;
}

/** Reads from the left and never past the end: a field that is not all there is a CodecError. */
export class FieldReader {
  readonly #octets: Uint8Array;
  readonly #source: FieldSource;
  #at = 0;

  constructor(octets: Uint8Array, source: FieldSource) {
    this.#octets = octets;
    this.#source = source;
  }

  /** As notes count it. */
  get offset(): number {
    return (this.#source.base ?? 0) + this.#at;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }

  /** The next octet, which stays unread; undefined at the end. */
  peek(ahead = 0): number | undefined {
    return this.#octets[this.#at + ahead];
  }

  /** A copy of the next `length` octets. */
  take(name: string, length: number): Uint8Array {
    const octets = this.#octets.slice(this.#at, this.#at + length);
    const missing = length - octets.length;
    const { offset } = this;
    this.#at += octets.length;
    this.#source.note?.(name, offset, octets, missing);
    if (missing > 0) {
      throw this.malformed(`${this.#source.what} ends ${octetCount(missing)} early, in ${name}`);
    }
    return octets;
  }

  /** The next 1 to 6 octets as an unsigned big-endian integer. */
  uint(name: string, octets = 1): number {
    return view(this.take(name, octets)).readUIntBE(0, octets);
  }

  /** Everything up to the next `octet`, and that one. */
  through(name: string, octet: number): Uint8Array {
    const found = this.#octets.indexOf(octet, this.#at);
    return this.take(name, (found < 0 ? this.#octets.length : found) + 1 - this.#at);
  }

  /** Everything that is left. */
  rest(name: string): Uint8Array {
    return this.take(name, this.left);
  }

  /** A reader of the next `length` octets; when they are not all there, `name` is the field that is cut. */
  part(name: string, length: number): FieldReader {
    if (length > this.left) this.take(name, length);
    const { offset } = this;
    const octets = this.#octets.subarray(this.#at, this.#at + length);
    this.#at += length;
    return new FieldReader(octets, { ...this.#source, base: offset });
  }

  /** To be called when all is read. @throws CodecError when something is left. */
  end(): void {
    const { left } = this;
    if (left === 0) return;
    this.rest('surplus');
    throw this.malformed(`${octetCount(left)} too many at the end of ${this.#source.what}`);
  }

  /** The error for a field that breaks a rule; to be thrown while that field is the last one read. */
  malformed(rule: string): CodecError {
    return new CodecError(this.#source.code, rule);
  }
}
