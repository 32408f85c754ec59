/** The handled set on disk: an append-only text file, one line a record, safe against `kill -9`. */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';

const LETTERS = { started: 'S', done: 'D', refused: 'R', forgotten: 'F' } as const;
const STATES = new Map(
  Object.entries(LETTERS).map(([state, letter]) => [letter, state as HandledRecord['state']]),
);
const LINE = /^([SDRF]) (\d{1,15}) ([A-Za-z0-9_-]{43}) (\S{1,200})$/;

/**
 * Opens or makes the log of one UE; the file is 0600, its folder 0700. A line that a crash cut short
 * is dropped: what it would have said was never acted upon.
 * @throws StoreError ERR_STORE_UNAVAILABLE, ERR_STORE_CORRUPT (a whole line that is no record).
 */
export function openHandledLog(file: string): HandledLog {
  const { recovered, octets } = attempt(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return readRecords(file);
  });
  let descriptor = attempt(file, () => openSync(file, 'a', 0o600));
  let size = octets;
  let closed = false;
  attempt(file, () => {
    ftruncateSync(descriptor, size);
  });
  /** The number of a closed descriptor may be another file's by now. */
  const write = (action: () => void): void => {
    attempt(file, () => {
      if (closed) throw new Error('the log is closed');
      action();
    });
  };

  return {
    recovered,
    append(records) {
      // ASCII: as many octets as characters.
      let lines = '';
      for (const record of records) lines += formatRecord(record);
      write(() => {
        try {
          if (writeSync(descriptor, lines, null, 'latin1') < lines.length)
            throw new Error('the disk is full');
          size += lines.length;
        } catch (error) {
          // Half a line in the middle would make the file unreadable.
          ftruncateSync(descriptor, size);
          throw error;
        }
      });
    },
    compact(live) {
      write(() => {
        const fresh = `${file}.new`;
        const lines = Buffer.from(Array.from(live, formatRecord).join(''));
        writeFileSync(fresh, lines, { mode: 0o600 });
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

/** A log that ends with the process: for a UE that may handle a push again after a restart. */
export function openMemoryHandledLog(): HandledLog {
  return {
    recovered: [],
    append: () => undefined,
    compact: () => undefined,
    close: () => undefined,
  };
}

function formatRecord({ key, digest, state, until }: HandledRecord): string {
  return `${LETTERS[state]} ${until} ${digest} ${key}\n`;
}

/** The records of all whole lines, and how many octets those lines have. */
function readRecords(file: string): { recovered: HandledRecord[]; octets: number } {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { recovered: [], octets: 0 };
    throw error;
  }
  const octets = text.lastIndexOf('\n') + 1;
  const lines = text.slice(0, octets).split('\n').slice(0, -1);
  const recovered = lines.map((line, i) => {
    const [, letter = '', until, digest = '', key = ''] = LINE.exec(line) ?? [];
    const state = STATES.get(letter as (typeof LETTERS)['started']);
    if (state === undefined) {
      throw new StoreError(
        'ERR_STORE_CORRUPT',
        `${file}:${i + 1} is no record of a handled push: move the file away to start afresh ` +
          '(pushes that were handled before may then be handled again)',
      );
    }
    return {
      key,
      digest,
      state,
      until: Number(until),
    };
  });
  return { recovered, octets };
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError('ERR_STORE_UNAVAILABLE', `cannot use ${file}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
