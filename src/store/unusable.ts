/** A state folder that cannot be used: what is wrong with it, and what to do. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, StoreError } from '../errors.ts';

/**
 * Makes the folder and those above it, each 0700; one that is there already keeps its mode.
 * Not by mkdir's own `recursive`, which says ENOENT where the file system is read-only.
 */
export function makeFolder(folder: string): void {
  try {
    make(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    make(folder);
  }
}

/** Another process may make it at the same moment. */
function make(folder: string): void {
  try {
    mkdirSync(folder, PRIVATE);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

/** The error for a file or folder that the system refused; its own words only where we have none. */
export function unusable(path: string, cause: unknown, retryable = false): StoreError {
  const code = codeOf(cause) ?? '';
  const fault = FAULTS[code];
  const reason = fault === undefined ? reasonOf(cause) : `${fault} (${code})`;
  return new StoreError(
    'ERR_STORE_UNAVAILABLE',
    `cannot use ${path}: ${reason}. ` +
      'Put that right, or name a state folder elsewhere on a local disk',
    { cause, retryable },
  );
}

/** The error for a file that does not hold what was written. */
export function damaged(file: string, fault: string): StoreError {
  const folder = dirname(file);
  return new StoreError(
    'ERR_STORE_UNAVAILABLE',
    `${file} is damaged: ${fault}. Restore it from a copy no older than the last trigger, or move ` +
      `${folder} away. An HSS then counts from SQN 0, which SIMs refuse until they resynchronise, ` +
      'and a USIM takes triggers again that it took before',
  );
}

/** An error of the system, not of this package or of its caller. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

const PRIVATE = { mode: 0o700 };
const FAULTS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EDQUOT: "this user's share of the disk is used up",
  EEXIST: 'something that is no folder is in its place',
  EISDIR: 'a folder is in its place',
  ENOENT: 'it, or what it lies in, is gone',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of that path is no folder',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
};
