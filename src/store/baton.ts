/** One file that processes pass on by renaming it: it is its holder's while it has the holder's name. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { isAlive, processName } from './holder.ts';
import { codeOf, damaged } from './unusable.ts';

export interface Baton {
  /**
   * Runs `action`, which is synchronous, while no other process or thread runs one with this file; it
   * gets the path that the file has meanwhile. Whoever was killed in there is replaced by the next.
   * @throws StoreError ERR_STORE_UNAVAILABLE when another keeps it for seconds, or it is gone;
   *   whatever `action` throws; what the system says when the file cannot be renamed.
   */
  hold<T>(action: (path: string) => T): Promise<T>;
}

/**
 * `file` is there already, and its folder has no other purpose. At rest it has that name, in work
 * `<file>.<pid>.<start>.<PID namespace>.<nonce>`. A rename of one name has one winner; a name in work
 * is of one holder alone, which gives it up or dies: it is taken only from a dead one, and the dead do
 * not come back. So there is one file, and one holder at most, however late anybody wakes up.
 */
export function openBaton(file: string, clock: Clock): Baton {
  const [pid = '', startedAt = ''] = processName().split(' ');
  const nonce = toHex(randomBytes(8));
  const mine = [file, pid, startedAt, pidNamespace(), nonce].join('.');
  let working = false;

  const take = (): Holder | 'missed' | 'mine' => {
    if (move(file, mine)) return 'mine';
    const holder = holderOf(file);
    if (holder === undefined) return 'missed';
    // Mine, and nothing works with it: it could not be given back the last time.
    const free = holder.path === mine ? !working : holder.dead && move(holder.path, mine);
    return free ? 'mine' : holder;
  };

  return {
    async hold(action) {
      const patienceEndsAt = clock.monotonic() + PATIENCE_MS;
      let misses = 0;
      for (let taken = take(); taken !== 'mine'; taken = take()) {
        misses = taken === 'missed' ? misses + 1 : 0;
        if (misses > MOST_MISSES) throw damaged(file, 'it is gone');
        if (taken !== 'missed' && clock.monotonic() > patienceEndsAt) throw busy(file, taken);
        await sleep(clock, RETRY_MS);
      }
      working = true;
      try {
        return action(mine);
      } finally {
        working = false;
        renameSync(mine, file);
      }
    },
  };
}

interface Holder {
  readonly path: string;
  readonly pid: string;
  readonly dead: boolean;
}

/** Undefined, too, when it was given back or passed on while the folder was read. */
function holderOf(file: string): Holder | undefined {
  const folder = dirname(file);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(file)}.`)) continue;
    const found = IN_WORK.exec(name.slice(basename(file).length));
    if (found === null) continue;
    const [, pid = '', startedAt = '', namespace] = found;
    // A pid of another container says nothing here.
    const dead = namespace === pidNamespace() && !isAlive(`${pid} ${startedAt}`.trim());
    return { path: join(folder, name), pid, dead };
  }
  return undefined;
}

function move(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch {
    return '';
  }
}

function busy(file: string, { path, pid }: Holder): StoreError {
  return new StoreError(
    'ERR_STORE_UNAVAILABLE',
    `process ${pid} keeps ${file} to itself: let it go on, or end it. ` +
      `If it ran in a container that is gone, rename ${path} to ${basename(file)}`,
    { retryable: true },
  );
}

const IN_WORK = /^\.(\d+)\.(\d*)\.(\d*)\.[0-9a-f]{16}$/;
const RETRY_MS = 1;
const PATIENCE_MS = 5_000;
/** Renames are too quick for a folder to be read in the middle of one as often as this. */
const MOST_MISSES = 100;
