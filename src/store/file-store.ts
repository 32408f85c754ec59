/** An AtomicStore in one small file, shared by any number of processes of one machine. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { AtomicStore } from '../ports.ts';
import { openBaton } from './baton.ts';
import { createTable, emptyTable } from './table.ts';
import { codeOf, isSystemError, makeFolder, unusable } from './unusable.ts';

/** Where the file is, and how careful to be. */
export interface FileStoreOptions {
  /** On a local disk. It is made, with mode 0700, when it is not there. */
  readonly folder: string;
  /** The file is `<name>/table`, 0600; while it is changed, its name says by whom. */
  readonly name: string;
  /** True: an update resolves when the disk has it, so a power cut loses nothing. Default false. */
  readonly sync?: boolean;
  /** For waiting until another process has made its change. Default the system's. */
  readonly clock?: Clock;
}

/**
 * Nothing is mapped into memory and each slot has a checksum, so that a full disk, a damaged file or a
 * read-only folder is an error and never a signal; a damaged value is never taken for an older one.
 * Keys are UTF-8 and not empty, key and value 1,016 octets together, else `update` throws RangeError.
 * An update that fails is retryable, unless the store is closed or damaged.
 * @throws StoreError ERR_STORE_UNAVAILABLE, which says what is wrong with which file and what to do.
 */
export async function openFileStore(options: FileStoreOptions): Promise<AtomicStore> {
  const { folder, name, sync = false, clock = systemClock } = options;
  const home = join(folder, name);
  const file = join(home, 'table');
  const baton = openBaton(file, clock);
  const table = createTable(file);
  let closed = false;

  const hold = <T>(action: (descriptor: number) => T): Promise<T> =>
    baton.hold((path) => withFile(path, 'r+', action));

  try {
    makeFolder(folder);
    if (!existsSync(home)) makeTable(home);
    await hold((descriptor) => {
      fchmodSync(descriptor, 0o600);
      table.check(descriptor);
    });
  } catch (error) {
    throw isSystemError(error) ? unusable(file, error) : error;
  }

  return {
    async update(key, change) {
      if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the store is closed');
      if (key === '') throw new RangeError('a key has one character at least');
      try {
        return await hold((descriptor) => {
          const { value, result } = change(table.read(descriptor, key));
          if (value !== undefined) {
            table.write(descriptor, { key, value });
            if (sync) fdatasyncSync(descriptor);
          }
          return result;
        });
      } catch (error) {
        throw isSystemError(error) ? unusable(file, error, true) : error;
      }
    },
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** The folder appears with its table in it, whoever comes first; a folder that is there is not replaced. */
function makeTable(home: string): void {
  const draft = `${home}.${toHex(randomBytes(8))}.new`;
  const file = join(draft, 'table');
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(file, emptyTable(), { mode: 0o600 });
    for (const path of [file, draft]) withFile(path, 'r', fsyncSync);
    renameSync(draft, home);
    withFile(join(home, '..'), 'r', fsyncSync);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
  }
}

function withFile<T>(path: string, flags: 'r' | 'r+', action: (descriptor: number) => T): T {
  const descriptor = openSync(path, flags);
  try {
    return action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
