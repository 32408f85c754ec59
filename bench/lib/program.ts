/** A process of a benchmark: on a CPU of its own, asked by lines, its CPU time read where the kernel counts it. */
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a process is told to do: `['push', 100, 32, 300, 200_000]`. */
export type Order = readonly [command: string, ...numbers: number[]];

export interface Program {
  readonly pid: number;
  /** One at a time. @throws Error when the process fails or ends instead. */
  ask<T>(...order: Order): Promise<T>;
  /** Ends it, by its pid, and waits until it is gone. */
  end(): Promise<void>;
}

/** Servers run on the first CPU, devices and what else loads them on the last; anywhere without `taskset` (util-linux). */
export type Place = 'server' | 'devices';

/** A script of the benchmarks, e.g. `systems/gba-ues.ts`; `about` is its first argument, as JSON. */
export async function startNode(
  file: string,
  place: Place,
  about: object = {},
  flags: readonly string[] = [],
): Promise<Program> {
  const [command, ...before] = [...pinned(place), process.execPath];
  const child = fork(
    fileURLToPath(new URL(`../${file}`, import.meta.url)),
    [JSON.stringify(about)],
    {
      execPath: command,
      execArgv: [...before, ...process.execArgv, ...flags],
    },
  );
  const next = answers(child, (hear) => child.on('message', hear));
  await next();
  return program(child, (order) => child.send(order), next);
}

/** A program that reads orders as lines of words and answers each with a line of JSON. */
export async function startLines(
  path: string,
  args: readonly string[],
  place: Place,
): Promise<Program> {
  const [command, ...before] = [...pinned(place), path];
  const child = spawn(command, [...before, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const next = answers(child, (hear) =>
    lines.on('line', (line) => {
      hear(JSON.parse(line));
    }),
  );
  await next();
  return program(child, (order) => child.stdin.write(`${order.join(' ')}\n`), next);
}

/** A server that says nothing. */
export function startSilent(path: string, args: readonly string[], place: Place): Program {
  const [command, ...before] = [...pinned(place), path];
  const child = spawn(command, [...before, ...args], { stdio: 'ignore' });
  const refuse = (): never => {
    throw new Error(`${path} takes no orders`);
  };
  return program(child, refuse, refuse);
}

/** One after another. */
export async function endAll(...programs: readonly Program[]): Promise<void> {
  for (const one of programs) await one.end();
}

/** The command that runs another there, with its arguments; empty where it cannot. */
export function pinned(place: Place): string[] {
  const last = cpus().length - 1;
  if (last === 0 || !canPin) return [];
  return ['taskset', '-c', String(place === 'server' ? 0 : last)];
}

/** Microseconds that all threads of a process were on a CPU. */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1_000;
}

function program(
  child: ChildProcess,
  send: (order: Order) => void,
  next: () => Promise<unknown>,
): Program {
  const gone = once(child, 'exit');
  running.add(child);
  child.once('exit', () => running.delete(child));
  return {
    pid: child.pid ?? NaN,
    ask: async <T>(...order: Order): Promise<T> => {
      const answer = next();
      send(order);
      const { failed, ...given } = (await answer) as { failed?: string } & T;
      if (failed !== undefined) throw new Error(failed);
      return given as T;
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill();
        await gone;
      }
    },
  };
}

/** Gives one answer after another, and fails when the process ends without one. */
function answers(
  child: ChildProcess,
  listen: (hear: (answer: unknown) => void) => void,
): () => Promise<unknown> {
  let settle: { resolve: (answer: unknown) => void; reject: (why: Error) => void } | undefined;
  listen((answer) => settle?.resolve(answer));
  const fail = (why: Error) => settle?.reject(why);
  child.once('error', fail);
  child.once('exit', (code, signal) => {
    fail(new Error(`${child.spawnargs.join(' ')} ended: ${String(code ?? signal)}`));
  });
  return () => new Promise((resolve, reject) => (settle = { resolve, reject }));
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

const canPin = hasTaskset();
/** None outlives a run, also one that failed. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill();
});
