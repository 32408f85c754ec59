/** The handled set on disk: an append-only text file, one line a record, safe against `kill -9`. */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';
import { view } from '../lib/bytes.ts';
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
  const recovered = attempt(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return readRecords(file);
  });
  let descriptor = attempt(file, () => openSync(file, 'a', 0o600));

  return {
    recovered,
    append(...records) {
      attempt(file, () => writeSync(descriptor, records.map(formatRecord).join('')));
    },
    compact(live) {
      const fresh = `${file}.new`;
      attempt(file, () => {
        const next = openSync(fresh, 'w', 0o600);
        writeSync(next, Array.from(live, formatRecord).join(''));
        renameSync(fresh, file);
        closeSync(descriptor);
        descriptor = next;
      });
    },
    close() {
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
  return `${LETTERS[state]} ${until} ${view(digest).toString('base64url')} ${key}\n`;
}

function readRecords(file: string): HandledRecord[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line, i) => {
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
      digest: Uint8Array.from(Buffer.from(digest, 'base64url')),
      state,
      until: Number(until),
    };
  });
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
