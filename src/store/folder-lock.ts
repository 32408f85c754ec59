/** One process per state folder: a lock file that names the holder, taken over when the holder is gone. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../errors.ts';
import { isAlive, processName } from './holder.ts';
import { codeOf, isSystemError, makeFolder, unusable } from './unusable.ts';

/**
 * Takes the folder, making it with mode 0700 if need be; the returned function gives it back.
 * @throws StoreError ERR_STORE_UNAVAILABLE when a living process holds it, or it cannot be written.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const mine = `${file}.${process.pid}`;
  const me = processName();
  try {
    makeFolder(folder);
    try {
      writeFileSync(mine, `${me}\n`, { mode: 0o600 });
      take(file, mine, folder);
    } finally {
      rmSync(mine, { force: true });
    }
  } catch (error) {
    throw isSystemError(error) ? unusable(folder, error) : error;
  }
  return () => {
    if (read(file) === me) rmSync(file, { force: true });
  };
}

function take(file: string, mine: string, folder: string): void {
  while (!tryLink(mine, file)) {
    const holder = read(file);
    if (holder !== undefined && isAlive(holder)) {
      const pid = holder.split(' ', 1)[0] ?? '';
      throw new StoreError(
        'ERR_STORE_UNAVAILABLE',
        `process ${pid} uses ${folder} already: end it, or choose another --state`,
      );
    }
    if (holder !== undefined) remove(file, holder);
  }
}

/** The lock appears with its text in it, or not at all. */
function tryLink(from: string, to: string): boolean {
  return (
    unless('EEXIST', () => {
      linkSync(from, to);
      return true;
    }) ?? false
  );
}

/** Takes a dead holder's lock away, and no other that came in its place meanwhile. */
function remove(file: string, holder: string): void {
  const aside = `${file}.${process.pid}.old`;
  const moved = unless('ENOENT', () => {
    renameSync(file, aside);
    return true;
  });
  if (moved === undefined) return;
  if (read(aside) !== holder) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function read(file: string): string | undefined {
  return unless('ENOENT', () => readFileSync(file, 'utf8').trimEnd());
}

function unless<T>(code: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (codeOf(error) === code) return undefined;
    throw error;
  }
}
