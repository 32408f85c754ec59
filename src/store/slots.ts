/** The octets of a table file: slots of one size, each with a checksum over all of it. */
import { crc32 } from 'node:zlib';
import { utf8Bytes, utf8Text, view } from '../lib/bytes.ts';

/** Divides every page size, so that a slot is written to one page, which a kill cannot tear. */
export const SLOT_OCTETS = 1_024;
/** Of a key in UTF-8 and its value together. */
export const RECORD_OCTETS = SLOT_OCTETS - 8;

/** A slot that is made but not used yet has the empty key. */
export interface TableRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

/** CRC-32 (4), magic (16), number of slots that follow (4), zeros. */
export function encodeHeader(slots: number): Uint8Array {
  const octets = Buffer.alloc(SLOT_OCTETS);
  octets.write(MAGIC, 4, 'latin1');
  octets.writeUInt32BE(slots, 4 + MAGIC.length);
  return checksummed(octets);
}

/** The number of slots; undefined for any octets that `encodeHeader` does not write. */
export function decodeHeader(octets: Uint8Array): number | undefined {
  if (!isWhole(octets)) return undefined;
  const slots = view(octets).readUInt32BE(4 + MAGIC.length);
  return view(encodeHeader(slots)).equals(octets) ? slots : undefined;
}

/**
 * CRC-32 (4), length of the key (2), of the value (2), key, value, zeros.
 * @throws RangeError when key and value are more than RECORD_OCTETS together.
 */
export function encodeRecord({ key, value }: TableRecord): Uint8Array {
  const name = utf8Bytes(key);
  if (name.length + value.length > RECORD_OCTETS) {
    const length = `${name.length} and ${value.length}`;
    throw new RangeError(`key and value have ${RECORD_OCTETS} octets at most, not ${length}`);
  }
  const octets = Buffer.alloc(SLOT_OCTETS);
  octets.writeUInt16BE(name.length, 4);
  octets.writeUInt16BE(value.length, 6);
  octets.set(name, 8);
  octets.set(value, 8 + name.length);
  return checksummed(octets);
}

/** A copy of what is in the slot; undefined when its size, its checksum or a length in it is wrong. */
export function decodeRecord(octets: Uint8Array): TableRecord | undefined {
  if (!isWhole(octets)) return undefined;
  const keyEnd = 8 + view(octets).readUInt16BE(4);
  const end = keyEnd + view(octets).readUInt16BE(6);
  const key = end > SLOT_OCTETS ? undefined : utf8Text(octets.subarray(8, keyEnd));
  return key === undefined
    ? undefined
    : { key, value: new Uint8Array(octets.subarray(keyEnd, end)) };
}

function isWhole(octets: Uint8Array): boolean {
  return (
    octets.length === SLOT_OCTETS && view(octets).readUInt32BE(0) === crc32(octets.subarray(4))
  );
}

function checksummed(octets: Buffer): Buffer {
  octets.writeUInt32BE(crc32(octets.subarray(4)));
  return octets;
}

const MAGIC = 'gba-push table 1';
