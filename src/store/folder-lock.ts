/** One process per state folder: a lock file with the holder's pid, taken over when the holder is dead. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';

/**
 * Takes the folder, making it with mode 0700 if need be; the returned function gives it back.
 * @throws StoreError ERR_STORE_UNAVAILABLE when a living process holds it, or it cannot be written.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const holder = holderOf(file);
    if (holder !== undefined && isAlive(holder)) {
      throw unavailable(
        `process ${holder} uses ${folder} already: end it, or choose another --state`,
      );
    }
    if (holder !== undefined) rmSync(file);
    writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw unavailable(`cannot use the state folder ${folder}: ${reasonOf(error)}`, error);
  }
  return () => {
    rmSync(file, { force: true });
  };
}

function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function unavailable(message: string, cause?: unknown): StoreError {
  return new StoreError('ERR_STORE_UNAVAILABLE', message, { cause });
}
