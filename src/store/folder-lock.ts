/** One process per state folder: a lock file that names the holder, taken over when the holder is gone. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';

/**
 * Takes the folder, making it with mode 0700 if need be; the returned function gives it back.
 * @throws StoreError ERR_STORE_UNAVAILABLE when a living process holds it, or it cannot be written.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const mine = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(mine, nameOf(process.pid), { mode: 0o600 });
    take(file, mine, folder);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw unavailable(`cannot use the state folder ${folder}: ${reasonOf(error)}`, error);
  }
  return () => {
    if (read(file) === nameOf(process.pid)) rmSync(file, { force: true });
  };
}

function take(file: string, mine: string, folder: string): void {
  try {
    while (!tryLink(mine, file)) {
      const holder = read(file);
      if (holder !== undefined && isAlive(holder)) {
        const pid = holder.split(' ', 1)[0] ?? '';
        throw unavailable(
          `process ${pid} uses ${folder} already: end it, or choose another --state`,
        );
      }
      if (holder !== undefined) remove(file, holder);
    }
  } finally {
    rmSync(mine, { force: true });
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
  return unless('ENOENT', () => readFileSync(file, 'utf8'));
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ', 1)[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return nameOf(pid) === holder;
}

/** The pid, and on Linux the start of that process: after a reboot another one may have the pid. */
function nameOf(pid: number): string {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const startedAt = status.slice(status.lastIndexOf(')')).split(' ')[STARTTIME] ?? '';
    return `${pid} ${startedAt}\n`;
  } catch {
    return `${pid}\n`;
  }
}

function unless<T>(code: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return undefined;
    throw error;
  }
}

function unavailable(message: string, cause?: unknown): StoreError {
  return new StoreError('ERR_STORE_UNAVAILABLE', message, { cause });
}

/** Field 22 of proc_pid_stat(5), counted from the closing bracket of field 2. */
const STARTTIME = 20;
