/** An AtomicStore in one LMDB file, shared by any number of processes of one machine. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'lmdb';
import { reasonOf, StoreError } from '../errors.ts';
import type { AtomicStore } from '../ports.ts';

export interface LmdbStoreOptions {
  /** On a local disk. It is made, with mode 0700, when it is not there. */
  readonly folder: string;
  /** The file is `<name>.mdb`, its lock `<name>.mdb-lock`; both 0600. */
  readonly name: string;
  /** True: an update resolves when the disk has it, so a power cut loses nothing. Default false. */
  readonly sync?: boolean;
}

/**
 * An update is one write transaction, under a lock that all processes share and that the system frees
 * when its holder is killed. It blocks this thread for as long as another process writes.
 * An update that fails is retryable, unless the store is closed.
 * @throws StoreError ERR_STORE_UNAVAILABLE when the folder or a file cannot be made or written.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<AtomicStore> {
  const { folder, name, sync = false } = options;
  const path = join(folder, `${name}.mdb`);
  const { open, TransactionFlags } = await import('lmdb');
  const { ABORTABLE, SYNCHRONOUS_COMMIT, NO_SYNC_FLUSH } = TransactionFlags;
  const flags = ABORTABLE | SYNCHRONOUS_COMMIT | (sync ? 0 : NO_SYNC_FLUSH);

  let database: Database<Uint8Array, string>;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makePrivate(path);
    makePrivate(`${path}-lock`);
    database = open({ path, noSubdir: true, encoding: 'binary' });
  } catch (error) {
    throw unavailable(path, error, false);
  }
  let closed = false;

  return {
    async update(key, change) {
      if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the store is closed');
      let changing = false;
      try {
        const committed = database.transactionSync(() => {
          const stored = database.get(key);
          changing = true;
          const { value, result } = change(stored && Uint8Array.from(stored));
          changing = false;
          if (value !== undefined) database.putSync(key, value);
          return { result };
        }, flags);
        if (sync) await database.flushed;
        return committed.result;
      } catch (error) {
        throw changing ? error : unavailable(path, error, true);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await database.close();
    },
  };
}

/**
 * Makes the file 0600 before LMDB would make it readable. An existing one is not opened: closing
 * it again would drop the POSIX locks that LMDB holds on it in this process.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(path, 0o600);
  }
}

function unavailable(path: string, cause: unknown, retryable: boolean): StoreError {
  return new StoreError(
    'ERR_STORE_UNAVAILABLE',
    `cannot use the store ${path}: ${reasonOf(cause)}. ` +
      'Name a state folder on a local disk that this user may write and that is not full',
    { cause, retryable },
  );
}
