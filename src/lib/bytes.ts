/** Octets: hex, joining, comparing, reading with bounds. Nothing here knows a protocol. */
import { Buffer } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export const EMPTY = new Uint8Array(0);

/** Lower-case hex of any octets. */
export function toHex(octets: Uint8Array): string {
  return view(octets).toString('hex');
}

/** Octets of hex text in either case. @throws RangeError when it is not an even number of hex digits. */
export function fromHex(text: string): Uint8Array {
  if (!isHex(text)) throw new RangeError('expected an even number of hex digits');
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** `1 octet`, `2 octets`. */
export function octetCount(count: number): string {
  return `${count} octet${count === 1 ? '' : 's'}`;
}

/** True for an even number of hex digits, and for exactly `octets` octets when that is given. */
export function isHex(text: string, octets?: number): boolean {
  return /^(?:[0-9a-fA-F]{2})*$/.test(text) && (octets === undefined || text.length === octets * 2);
}

/** A Buffer over the same memory, for Node's own readers and writers. */
export function view(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets)
    ? octets
    : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}

export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 octets, a leading BOM included; undefined when they are not UTF-8. */
export function utf8Text(octets: Uint8Array): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** a xor b. @throws RangeError when the lengths differ. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length !== b.length) throw new RangeError('xor needs equal lengths');
  const out = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  return out;
}

/** Equality in time that depends on the lengths alone. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** @throws RangeError that names `name` unless `octets` has exactly `length` octets. */
export function requireOctets(name: string, octets: Uint8Array, length: number): void {
  if (octets.length !== length) {
    throw new RangeError(`${name} is ${length} octets, not ${octets.length}`);
  }
}

/** Overwrites a secret. JavaScript may hold copies; this wipes the one that we own. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** 1 to 6 unsigned big-endian octets of an integer. @throws RangeError when it does not fit. */
export function uintBytes(value: number, octets: number): Uint8Array {
  const out = new Uint8Array(octets);
  writeUint(out, 0, value, octets);
  return out;
}

/** The same, into `out` from `at` on. */
export function writeUint(out: Uint8Array, at: number, value: number, octets: number): void {
  if (value < 0 || value >= 256 ** octets) {
    throw new RangeError(`${value} does not fit in ${octetCount(octets)}`);
  }
  let rest = Math.trunc(value);
  for (let i = at + octets - 1; i >= at; i -= 1) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Reads octets from the left and never past the end: `short` makes the error that is thrown instead. */
export class ByteReader {
  #at = 0;
  readonly #octets: Uint8Array;
  readonly #short: (wanted: number, left: number) => Error;

  constructor(octets: Uint8Array, short: (wanted: number, left: number) => Error) {
    this.#octets = octets;
    this.#short = short;
  }

  get offset(): number {
    return this.#at;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }

  /** A copy of the next `length` octets. */
  take(length: number): Uint8Array {
    if (length > this.left) throw this.#short(length, this.left);
    this.#at += length;
    return this.#octets.slice(this.#at - length, this.#at);
  }

  /** The next 1 to 6 octets as an unsigned big-endian integer. */
  uint(octets: number): number {
    if (octets > this.left) throw this.#short(octets, this.left);
    let value = 0;
    for (const end = this.#at + octets; this.#at < end; this.#at += 1) {
      value = value * 256 + (this.#octets[this.#at] ?? 0);
    }
    return value;
  }

  /** A copy of everything that is left. */
  rest(): Uint8Array {
    return this.take(this.left);
  }
}
