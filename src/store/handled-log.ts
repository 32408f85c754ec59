/** The handled set on disk: one line a record, safe against `kill -9`. */
import { dirname } from 'node:path';
import { StoreError } from '../errors.ts';
import type { HandledLog, HandledRecord } from '../ports.ts';
import { openLineLog, readLines } from './line-log.ts';
import { isSystemError, makeFolder, unusable } from './unusable.ts';

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
  try {
    makeFolder(dirname(file));
  } catch (error) {
    throw isSystemError(error) ? unusable(file, error) : error;
  }
  const { lines, octets } = readLines(file);
  const recovered = lines.map((line, i) => parseRecord(line, `${file}:${i + 1}`));
  const log = openLineLog(file, octets);
  return {
    recovered,
    append(records) {
      let text = '';
      for (const record of records) text += formatRecord(record);
      log.append(text);
    },
    compact(live) {
      log.replace(Array.from(live, formatRecord).join(''));
    },
    close() {
      log.close();
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

function parseRecord(line: string, where: string): HandledRecord {
  const [, letter = '', until, digest = '', key = ''] = LINE.exec(line) ?? [];
  const state = STATES.get(letter as (typeof LETTERS)['started']);
  if (state !== undefined) return { key, digest, state, until: Number(until) };
  throw new StoreError(
    'ERR_STORE_CORRUPT',
    `${where} is no record of a handled push: move the file away to start afresh ` +
      '(pushes that were handled before may then be handled again)',
  );
}
