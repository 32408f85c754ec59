/** A handler that is a program: no shell, payload on stdin, the outcome is its exit code. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ConfigError, PushError, reasonOf } from '../errors.ts';
import { NotNow, type Push } from '../ue/push-handler.ts';
import type { CommandIo } from './io.ts';

/** sysexits.h EX_TEMPFAIL. */
const TEMPORARY_FAILURE = 75;

/**
 * A program that could not be started would be found out at the first push, so it is looked up now, as
 * the system does it: a name without a slash in the folders of `searchPath`.
 * @throws ConfigError ERR_CONFIG_FILE.
 */
export function requireProgram(what: string, file: string, searchPath = '/usr/bin:/bin'): void {
  const candidates = file.includes('/')
    ? [file]
    : searchPath.split(delimiter).map((folder) => join(folder, file));
  const found = candidates.filter(isFile);
  if (found.some(isExecutable)) return;
  const [first] = found;
  const fault =
    first === undefined
      ? `there is no such program${file.includes('/') ? '' : ' in the folders of PATH'}`
      : `${first} is not executable: run chmod +x ${first}`;
  throw new ConfigError('ERR_CONFIG_FILE', `${what}${file}: ${fault}`);
}

/**
 * Runs the program once for a push and waits for it: exit 0 is handled, 75 is not now, anything else,
 * or a signal, is refused. Its output goes to `output` and stderr. A program that cannot be run at all
 * has seen nothing: the user is told, and the push comes again.
 */
export async function runHandler(
  [file = '', ...args]: readonly string[],
  push: Push,
  io: Pick<CommandIo, 'env' | 'stderr'> & { readonly output: CommandIo['stdout'] },
): Promise<void> {
  const child: ChildProcess = spawn(file, args, {
    stdio: 'pipe',
    env: {
      ...io.env,
      GBA_PUSH_ID: push.id,
      GBA_PUSH_NAF: push.nafFqdn,
      GBA_PUSH_BTID: push.bTid,
      GBA_PUSH_VIA: push.via,
      GBA_PUSH_URGENCY: push.urgency,
      GBA_PUSH_CONTENT_FORMAT: String(push.contentFormat),
    },
  });
  const ended = once(child, 'close');
  ended.catch(() => undefined);
  // Without file descriptors left there are none of these, and an `error` that follows.
  child.stdout?.on('data', (chunk: Buffer) => io.output.write(chunk));
  child.stderr?.on('data', (chunk: Buffer) => io.stderr.write(chunk));
  // A handler need not read its input: a closed pipe is its own business.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(push.payload);
  const [code, signal] = (await ended.catch((error: unknown) => {
    io.stderr.write(`ue-listen: cannot run the handler ${file}: ${reasonOf(error)}\n`);
    throw new NotNow();
  })) as [number | null, string | null];
  if (code === TEMPORARY_FAILURE) throw new NotNow();
  if (code !== 0) {
    throw new PushError(
      'ERR_PUSH_REFUSED',
      `the handler ended with ${signal ?? `exit code ${code}`}`,
    );
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
