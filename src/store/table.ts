/** A table in an open file: a header, then slots that are overwritten in place and never move. */
import { fdatasyncSync, fstatSync, readSync, writeSync } from 'node:fs';
import { concat } from '../lib/bytes.ts';
import {
  decodeHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  SLOT_OCTETS,
  type TableRecord,
} from './slots.ts';
import { damaged } from './unusable.ts';

/** Each function needs the file to itself. All throw StoreError when they come upon damage. */
export interface Table {
  /** Looks at every slot. */
  check(descriptor: number): void;
  /** A copy. */
  read(descriptor: number, key: string): Uint8Array | undefined;
  /** One page is written, which a kill cannot tear and a full disk has room for: it is there already. */
  write(descriptor: number, record: TableRecord): void;
}

/** The octets of a table with nothing in it. */
export function emptyTable(): Uint8Array {
  return concat(encodeHeader(SPARE - 1), unused(SPARE - 1));
}

/** @param file what errors call it. */
export function createTable(file: string): Table {
  /** Where keys are, from 1. They fill the slots in order, and stay. */
  const places = new Map<string, number>();
  let newest = '';

  const slotsOf = (descriptor: number): number => {
    const slots = decodeHeader(readSlots(descriptor, 0, 1));
    if (slots === undefined) throw damaged(file, 'its first octets are not those of a table');
    const { size } = fstatSync(descriptor);
    if (size < (1 + slots) * SLOT_OCTETS) throw damaged(file, 'its end is missing');
    return slots;
  };

  /** Reads the slots that are not known yet; those that are, too, when another table came in its place. */
  const learn = (descriptor: number): void => {
    const slots = slotsOf(descriptor);
    if (recordAt(descriptor, places.size)?.key !== newest) places.clear();
    const first = places.size + 1;
    const octets = readSlots(descriptor, first, slots + 1 - first);
    for (let at = 0; at < octets.length; at += SLOT_OCTETS) {
      const place = first + at / SLOT_OCTETS;
      const record = decodeRecord(octets.subarray(at, at + SLOT_OCTETS));
      if (record === undefined) throw damaged(file, `slot ${place} does not fit its checksum`);
      if (record.key === '') continue;
      if (places.has(record.key) || place !== places.size + 1) {
        throw damaged(file, `slot ${place} is not where it was written`);
      }
      places.set(record.key, place);
      newest = record.key;
    }
  };

  const find = (descriptor: number, key: string): Uint8Array | undefined => {
    const record = recordAt(descriptor, places.get(key) ?? 0);
    return record?.key === key ? record.value : undefined;
  };

  const check = (descriptor: number): void => {
    places.clear();
    learn(descriptor);
  };

  return {
    check,
    read(descriptor, key) {
      if (!places.has(key)) learn(descriptor);
      const value = find(descriptor, key);
      if (value !== undefined || !places.has(key)) return value;
      check(descriptor);
      return find(descriptor, key);
    },
    write(descriptor, record) {
      const octets = encodeRecord(record);
      const known = places.get(record.key);
      const place = known ?? places.size + 1;
      if (known === undefined) {
        const slots = slotsOf(descriptor);
        if (place > slots) grow(descriptor, slots);
      }
      writeSlots(descriptor, place, octets);
      if (known === undefined) newest = record.key;
      places.set(record.key, place);
    },
  };
}

/** Undefined for damage, and for the header. */
function recordAt(descriptor: number, place: number): TableRecord | undefined {
  return place === 0 ? undefined : decodeRecord(readSlots(descriptor, place, 1));
}

/** The header counts the new slots when the disk has them, so that no crash makes it count too many. */
function grow(descriptor: number, slots: number): void {
  writeSlots(descriptor, slots + 1, unused(SPARE));
  fdatasyncSync(descriptor);
  writeSlots(descriptor, 0, encodeHeader(slots + SPARE));
}

function unused(slots: number): Uint8Array {
  const slot = encodeRecord({ key: '', value: new Uint8Array(0) });
  return concat(...Array.from({ length: slots }, () => slot));
}

/** Fewer octets when the file ends before. */
function readSlots(descriptor: number, first: number, slots: number): Buffer {
  const octets = Buffer.alloc(slots * SLOT_OCTETS);
  const read = readSync(descriptor, octets, 0, octets.length, first * SLOT_OCTETS);
  return octets.subarray(0, read);
}

function writeSlots(descriptor: number, first: number, octets: Uint8Array): void {
  const start = first * SLOT_OCTETS;
  for (let at = 0; at < octets.length;) {
    at += writeSync(descriptor, octets, at, octets.length - at, start + at);
  }
}

/** Slots that are made together; with the header, 16 KiB at first. */
const SPARE = 16;
