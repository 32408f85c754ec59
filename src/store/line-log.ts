/** Lines in a text file that grows at its end, for one process at a time: safe against `kill -9`. */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { StoreError } from '../errors.ts';
import { codeOf, isSystemError, unusable } from './unusable.ts';

/** Texts are ASCII, lines with their line feeds. Each function throws StoreError ERR_STORE_UNAVAILABLE. */
export interface LineLog {
  /** On disk (against `kill -9`) when it returns; none of it when it throws. */
  append(lines: string): void;
  /** These alone are there when it returns, or everything as before. */
  replace(lines: string): void;
  /** Again has no effect. */
  close(): void;
}

export interface ReadLines {
  /** Without their line feeds. */
  readonly lines: readonly string[];
  /** Of these lines, in octets. */
  readonly octets: number;
}

/** None of a file that is not there. A line that a crash cut short is left out. @throws StoreError ERR_STORE_UNAVAILABLE. */
export function readLines(file: string): ReadLines {
  const text = attempt(file, () => {
    try {
      return readFileSync(file, 'latin1');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  });
  const octets = text.lastIndexOf('\n') + 1;
  return { lines: text.slice(0, octets).split('\n').slice(0, -1), octets };
}

/** The file is made when it is not there, 0600; `octets` is what `readLines` said. @throws StoreError ERR_STORE_UNAVAILABLE. */
export function openLineLog(file: string, octets: number): LineLog {
  let size = octets;
  let closed = false;
  let descriptor = attempt(file, () => {
    const opened = openSync(file, 'a', 0o600);
    ftruncateSync(opened, size);
    return opened;
  });
  /** The number of a closed descriptor may be another file's by now. */
  const write = (action: () => void): void => {
    if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', `cannot use ${file}: it is closed`);
    attempt(file, action);
  };

  return {
    append(lines) {
      write(() => {
        try {
          if (writeSync(descriptor, lines, null, 'latin1') < lines.length) throw diskFull(file);
          size += lines.length;
        } catch (error) {
          // Half a line in the middle would make the file unreadable.
          ftruncateSync(descriptor, size);
          throw error;
        }
      });
    },
    replace(lines) {
      write(() => {
        const fresh = `${file}.new`;
        writeFileSync(fresh, lines, { mode: 0o600, encoding: 'latin1' });
        const [old, next] = [descriptor, openSync(fresh, 'a')];
        try {
          renameSync(fresh, file);
        } catch (error) {
          closeSync(next);
          throw error;
        }
        descriptor = next;
        size = lines.length;
        closeSync(old);
      });
    },
    close() {
      if (closed) return;
      closed = true;
      closeSync(descriptor);
    },
  };
}

function diskFull(file: string): StoreError {
  return new StoreError('ERR_STORE_UNAVAILABLE', `cannot use ${file}: the disk is full`);
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw isSystemError(error) ? unusable(file, error) : error;
  }
}
