/** A port that is a program of the lab's own: one JSON line in, one JSON line out, then it ends (docs/operations.md). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import { ExecError } from '../errors.ts';
import { fromHex, isHex, toHex } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';

/** How a program is run. */
export interface ProgramOptions {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly string[];
  readonly clock: Clock;
  /** How long one answer may take, ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Breaks off whatever is asked. */
  readonly signal?: AbortSignal;
  /** Gets what the program writes to stderr. */
  readonly onStderr?: (chunk: Buffer) => void;
}

/** An answer is short; a program that writes more than this is stopped. */
const MAX_ANSWER_OCTETS = 65_536;

/** The words of `exec:PROGRAM ARGUMENT ...`. @throws ExecError for none. */
export function parseCommand(text: string): readonly string[] {
  const words = text.split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    throw new ExecError('ERR_EXEC_FAILED', 'expected exec:PROGRAM, with arguments after spaces');
  }
  return words;
}

/**
 * Runs the program for one request. What it answers may hold keys: no message of an error quotes it.
 * @throws ExecError when it cannot be run, takes too long, ends with a code other than 0, or does not
 * answer in the form of `schema`; the signal's reason.
 */
export async function askProgram<T>(
  request: Readonly<Record<string, unknown>>,
  schema: z.ZodType<T>,
  { command, clock, timeoutMs = 10_000, onStderr = ignore, signal: always }: ProgramOptions,
  forThis?: AbortSignal,
): Promise<T> {
  const signal = AbortSignal.any([always, forThis].filter((one) => one !== undefined));
  signal.throwIfAborted();
  const [file = '', ...args] = command;
  // A group of its own, so that what the program has started can be stopped with it.
  const child: ChildProcess = spawn(file, args, { stdio: 'pipe', detached: true });
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  ended.catch(ignore);
  let fault: string | undefined;
  const stop = (why: string): void => {
    fault ??= why;
    killGroup(child.pid);
    // What has left the group may keep them open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const onAbort = (): void => {
    stop('it was broken off');
  };
  signal.addEventListener('abort', onAbort, { once: true });
  running.add(child);
  const deadline = clock.after(timeoutMs, () => {
    stop(`no answer within ${timeoutMs} ms`);
  });
  const chunks: Buffer[] = [];
  let octets = 0;
  // Without file descriptors left there are none of these, and an `error` that follows.
  child.stdout?.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > MAX_ANSWER_OCTETS) stop(`more than ${MAX_ANSWER_OCTETS} octets of answer`);
    else chunks.push(chunk);
  });
  child.stderr?.on('data', onStderr);
  // A program need not read the request: a closed pipe is its own business.
  child.stdin?.on('error', ignore);
  child.stdin?.end(`${JSON.stringify(request)}\n`);
  try {
    const [code, by] = await ended;
    signal.throwIfAborted();
    fault ??= code === 0 ? undefined : `it ended with ${by ?? `exit code ${code}`}`;
  } catch (cause) {
    signal.throwIfAborted();
    throw new ExecError('ERR_EXEC_FAILED', `cannot run ${file}: ${(cause as Error).message}`, {
      cause,
      retryable: true,
    });
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
    running.delete(child);
  }
  if (fault !== undefined) {
    throw new ExecError('ERR_EXEC_FAILED', `${file}: ${fault}`, { retryable: true });
  }
  return parseAnswer(file, Buffer.concat(chunks).toString('utf8'), schema);
}

/** Programs at work: they end with this process, which a terminal's Ctrl-C does not tell them. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const { pid } of running) killGroup(pid);
});

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function parseAnswer<T>(file: string, text: string, schema: z.ZodType<T>): T {
  const [line = ''] = text.split('\n', 1);
  let json: unknown;
  try {
    json = JSON.parse(line === '' ? '{}' : line);
  } catch {
    throw new ExecError('ERR_EXEC_FAILED', `${file}: its first line on stdout is no JSON`);
  }
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.map(({ path, message }) =>
    [...(path.length > 0 ? [z.core.toDotPath(path)] : []), message].join(': '),
  );
  throw new ExecError('ERR_EXEC_FAILED', `${file}: its answer: ${faults.join('; ')}`);
}

/** A member of an answer: hex of so many octets, in either case. */
export function hexMember(...octets: readonly number[]): z.ZodType<Uint8Array> {
  const error = `expected ${octets.map((n) => n * 2).join(' or ')} hex digits`;
  return z
    .string({ error })
    .refine((text) => octets.some((n) => isHex(text, n)), { error })
    .transform(fromHex);
}

/** A request's members, octets as lower-case hex. */
export function requestOf(
  members: Readonly<Record<string, string | number | Uint8Array | undefined>>,
): Record<string, string | number | undefined> {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? toHex(value) : value,
    ]),
  );
}

const ignore = (): void => undefined;
