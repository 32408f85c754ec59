/** Which associations have ended, on disk: an append-only text file, one line each, with no key in it. */
import {
  closeSync,
  ftruncateSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { StoreError } from '../errors.ts';
import type { BTid } from '../ids.ts';
import type { EndedLog, EndedRecord } from '../sa/ended.ts';
import { codeOf, isSystemError, unusable } from './unusable.ts';

const LINE = /^(\d{1,15}) (\S{1,400})$/;

/** The file is made, 0600, when there is something to write. A line that a crash cut short is dropped. */
export function openEndedLog(file: string): EndedLog {
  let descriptor: number | undefined;
  let closed = false;
  const attempt = <T>(action: () => T): T => {
    try {
      if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', `${file} is closed`);
      return action();
    } catch (error) {
      throw isSystemError(error) ? unusable(file, error) : error;
    }
  };
  const leave = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };

  return {
    read: () => attempt(() => readRecords(file)),
    append(record) {
      attempt(() => {
        descriptor ??= openWhole(file);
        const { size } = fstatSync(descriptor);
        try {
          const line = formatRecord(record);
          if (writeSync(descriptor, line) < line.length) throw diskFull(file);
        } catch (error) {
          // Half a line in the middle would make the file unreadable.
          ftruncateSync(descriptor, size);
          throw error;
        }
      });
    },
    replace(records) {
      attempt(() => {
        const fresh = `${file}.new`;
        writeFileSync(fresh, records.map(formatRecord).join(''), { mode: 0o600 });
        leave();
        renameSync(fresh, file);
      });
    },
    close() {
      closed = true;
      leave();
    },
  };
}

/** For appending, without the line that a crash cut short. */
function openWhole(file: string): number {
  const descriptor = openSync(file, 'a', 0o600);
  ftruncateSync(descriptor, wholeLines(file).length);
  return descriptor;
}

function readRecords(file: string): EndedRecord[] {
  const lines = wholeLines(file).split('\n').slice(0, -1);
  return lines.map((line, i) => {
    const [, endedAt, bTid] = LINE.exec(line) ?? [];
    if (bTid === undefined) {
      throw new StoreError(
        'ERR_STORE_CORRUPT',
        `${file}:${i + 1} is no record of an association that has ended: move the file away to start ` +
          'afresh (devices whose keys were revoked may then come back with them)',
      );
    }
    return { bTid: bTid as BTid, endedAt: Number(endedAt) };
  });
}

/** ASCII: as many octets as characters. */
function wholeLines(file: string): string {
  try {
    const text = readFileSync(file, 'latin1');
    return text.slice(0, text.lastIndexOf('\n') + 1);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function diskFull(file: string): StoreError {
  return new StoreError('ERR_STORE_UNAVAILABLE', `cannot use ${file}: the disk is full`);
}

function formatRecord({ bTid, endedAt }: EndedRecord): string {
  return `${Math.ceil(endedAt)} ${bTid}\n`;
}
