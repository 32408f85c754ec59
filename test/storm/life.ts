/** One life of a command: a process of its own, each line it says as it comes, and its end. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { CommandName, Json } from '../support/command.ts';

export interface Life {
  /** Monotonic ms. */
  readonly startedAt: number;
  /** Everything it said on stderr that was no event. */
  readonly talk: readonly string[];
  /** Resolves with its exit code, or the signal that ended it, when all of its lines are here. */
  readonly ended: Promise<number | string>;
  /** Undefined as long as it lives, or its last lines are on their way. */
  readonly end: number | string | undefined;
  /** Somebody interrupted or killed it. */
  readonly isAskedToEnd: boolean;
  write(text: string): void;
  /** What a first Ctrl-C does. */
  interrupt(): void;
  kill(): void;
}

export interface LifeOptions {
  /** What runs the command, before its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly args: readonly string[];
  /** Gets each line of both outputs; what is no JSON as it is. */
  readonly onLine: (line: Json | string) => void;
}

export function startLife({ command: [file, ...words], args, onLine }: LifeOptions): Life {
  const child = spawn(file, [...words, ...args]);
  const talk: string[] = [];
  let end: number | string | undefined;
  let isAskedToEnd = false;
  const ask = (signal: 'SIGINT' | 'SIGKILL'): void => {
    isAskedToEnd = true;
    child.kill(signal);
  };
  const take = (line: string): void => {
    const said = parse(line);
    if (typeof said === 'string') talk.push(said);
    onLine(said);
  };
  // Whatever ends the storm leaves nobody behind.
  const endToo = (): void => void child.kill('SIGKILL');
  process.once('exit', endToo);
  createInterface(child.stdout).on('line', take);
  createInterface(child.stderr).on('line', take);
  child.stdin.on('error', () => undefined);
  return {
    startedAt: performance.now(),
    talk,
    ended: new Promise((resolve) => {
      child.once('close', (code, signal) => {
        end = code ?? String(signal);
        process.off('exit', endToo);
        resolve(end);
      });
    }),
    get end() {
      return end;
    },
    write: (text) => void child.stdin.write(text),
    get isAskedToEnd() {
      return isAskedToEnd;
    },
    interrupt: () => {
      ask('SIGINT');
    },
    kill: () => {
      ask('SIGKILL');
    },
  };
}

/** The command out of the sources, or out of `dist` when that was built from them. */
export function commandOf(name: CommandName, built: boolean): readonly [string, ...string[]] {
  const file = built ? `../../dist/bin/${name}.js` : `../../bin/${name}.ts`;
  const path = new URL(file, import.meta.url).pathname;
  return [process.execPath, ...(built ? [] : process.execArgv), path];
}

/** A line that a kill cut short is no JSON. */
function parse(line: string): Json | string {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as Json) : line;
  } catch {
    return line;
  }
}
