/** Associations on disk, for one process: a slot each, overwritten when it ends, so that its keys are gone. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../errors.ts';
import type { BTid } from '../ids.ts';
import { EMPTY, requireOctets } from '../lib/bytes.ts';
import type { SaRecord, SaStore } from '../sa/association.ts';
import { openEndedLog } from './ended-log.ts';
import { decodeSa, encodeSa } from './sa-record.ts';
import { decodeRecord, encodeRecord, SLOT_OCTETS } from './slots.ts';
import { isSystemError, makeFolder, unusable } from './unusable.ts';

/** Where the file is, and what is in it is sealed with. */
export interface SaFileOptions {
  /** On a local disk; whoever opens it holds its lock. Made with mode 0700 if need be. */
  readonly folder: string;
  /** 32 octets, used as they are until `close`; see `openStoreKey`. */
  readonly storeKey: Uint8Array;
}

/**
 * Opens `<folder>/associations`, mode 0600. A slot that is damaged, or that another store key sealed,
 * counts as free: its association is bootstrapped anew. A process that is killed loses nothing. Beside it
 * stands `<folder>/ended`, once something is in it.
 * @throws StoreError ERR_STORE_UNAVAILABLE, also from each function of the result.
 */
export function openSaFile({ folder, storeKey }: SaFileOptions): SaStore {
  requireOctets('the store key', storeKey, 32);
  const file = join(folder, 'associations');
  const attempt = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw isSystemError(error) ? unusable(file, error) : error;
    }
  };
  const descriptor = attempt(() => {
    makeFolder(folder);
    closeSync(openSync(file, 'a', 0o600));
    return openSync(file, 'r+');
  });
  const places = new Map<BTid, number>();
  const free: number[] = [];
  let recovered: SaRecord[] = [];
  let end = 0;
  let closed = false;

  attempt(() => {
    end = Math.ceil(fstatSync(descriptor).size / SLOT_OCTETS);
    for (const [place, slot] of slotsOf(descriptor, end)) {
      const stored = decodeRecord(slot);
      const record = stored && decodeSa(stored.key, stored.value, storeKey);
      if (record === undefined || places.has(record.bTid)) free.push(place);
      else {
        places.set(record.bTid, place);
        recovered.push(record);
      }
    }
  });

  const write = (place: number, slot: Uint8Array): void => {
    if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', `${file} is closed`);
    attempt(() => {
      for (let at = 0; at < slot.length;) {
        at += writeSync(descriptor, slot, at, slot.length - at, place * SLOT_OCTETS + at);
      }
    });
  };

  const ended = openEndedLog(join(folder, 'ended'));
  return {
    ended,
    recover() {
      const all = recovered;
      recovered = [];
      return all;
    },
    put(record) {
      const slot = slotOf(record, storeKey);
      const known = places.get(record.bTid);
      const place = known ?? free.at(-1) ?? end;
      write(place, slot);
      if (place === end) end += 1;
      else if (known === undefined) free.pop();
      places.set(record.bTid, place);
    },
    delete(bTid) {
      const place = places.get(bTid);
      if (place === undefined) return;
      write(place, UNUSED);
      places.delete(bTid);
      free.push(place);
    },
    close() {
      if (closed) return;
      closed = true;
      closeSync(descriptor);
      ended.close();
    },
  };
}

/** @throws StoreError for names that do not fit, which takes quotation marks by the dozen: JSON doubles them. */
function slotOf(record: SaRecord, storeKey: Uint8Array): Uint8Array {
  try {
    return encodeRecord({ key: record.bTid, value: encodeSa(record, storeKey) });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const why = `the names of ${record.bTid} do not fit a slot: ${cause.message}`;
    throw new StoreError('ERR_STORE_UNAVAILABLE', why, { cause });
  }
}

/** Every slot with its place; of a last one that was never finished what there is. */
function* slotsOf(descriptor: number, count: number): Generator<[number, Uint8Array]> {
  const chunk = Buffer.alloc(CHUNK_SLOTS * SLOT_OCTETS);
  for (let first = 0; first < count; first += CHUNK_SLOTS) {
    const octets = readSync(descriptor, chunk, 0, chunk.length, first * SLOT_OCTETS);
    for (let at = 0; at < octets; at += SLOT_OCTETS) {
      yield [first + at / SLOT_OCTETS, chunk.subarray(at, Math.min(octets, at + SLOT_OCTETS))];
    }
  }
}

const CHUNK_SLOTS = 1_024;
const UNUSED = encodeRecord({ key: '', value: EMPTY });
