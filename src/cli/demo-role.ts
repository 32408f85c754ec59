/** A command of this package as a child process, and the events that it tells. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { utf8Text } from '../lib/bytes.ts';
import { EXIT } from './io.ts';
import { lines } from './payloads.ts';
import { CommandFailure } from './run.ts';

/** An event as `--json --verbose` prints it; a receipt, which has no name of its own, is `receipt` here. */
export type RoleEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

export interface Role {
  readonly pid: number;
  /** Events since the last `forget`. */
  readonly seen: readonly RoleEvent[];
  forget(): void;
  write(text: string): void;
  /** The first event of that name, seen already or to come. @throws CommandFailure when the process ends first, or after `ms`. */
  next<T>(event: string, ms: number): Promise<T>;
  /** Rejects when the process ends. @throws CommandFailure that says how it ended. */
  readonly ended: Promise<never>;
  /** Asks it to finish, and waits for that. */
  end(): Promise<void>;
}

export function spawnRole(command: 'naf-push' | 'ue-listen', args: readonly string[]): Role {
  // From here bin is at the same place in the sources and in the build; only the ending differs.
  const bin = new URL(`../../bin/${command}${extname(import.meta.url)}`, import.meta.url);
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(bin), ...args]);
  const name = `${command} (pid ${child.pid ?? 0})`;
  const told = new EventEmitter();
  let seen: RoleEvent[] = [];
  let lastWords = '';

  const listen = async (stream: Readable): Promise<void> => {
    for await (const line of lines(stream)) {
      const event = parseEvent(utf8Text(line) ?? '');
      if (event === undefined) lastWords = utf8Text(line) ?? lastWords;
      else seen.push(event);
      told.emit('more');
    }
  };
  const heard = Promise.allSettled([child.stdout, child.stderr].map(listen));
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const ended = heard.then(async (): Promise<never> => {
    const [code, signal] = await closed;
    const how = signal === null ? `ended with exit code ${code ?? ''}` : `was ended by ${signal}`;
    const words = lastWords === '' ? '' : `: ${lastWords}`;
    throw new CommandFailure(EXIT.error, `${name} ${how}${words}`);
  });
  ended.catch(() => undefined);

  return {
    pid: child.pid ?? 0,
    ended,
    get seen() {
      return seen;
    },
    forget() {
      seen = [];
    },
    write(text) {
      child.stdin.write(text);
    },
    async next<T>(wanted: string, ms: number): Promise<T> {
      const patience = AbortSignal.timeout(ms);
      for (;;) {
        const found = seen.find(({ event }) => event === wanted);
        if (found !== undefined) return found as T;
        const more = once(told, 'more', { signal: patience }).catch(() => {
          throw new CommandFailure(
            EXIT.timeout,
            `${name} did not say ${wanted} within ${ms / 1_000} s`,
          );
        });
        await Promise.race([more, ended]);
      }
    },
    async end() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}

function parseEvent(line: string): RoleEvent | undefined {
  try {
    return { event: 'receipt', ...(JSON.parse(line) as object) };
  } catch {
    return undefined;
  }
}
