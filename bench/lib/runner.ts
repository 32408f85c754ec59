/** Runs benchmarks, each as a process group of its own, one after another, each within its time. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EXIT_SKIPPED } from './result.ts';

/** How much of it: a look, figures to rely on, all that there is. */
export type Extent = 'quick' | 'normal' | 'full';

export interface Benchmark {
  /** That of its file in this folder, and of its result. */
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  /** Its arguments; none is what it does by itself. */
  readonly args?: Partial<Record<Extent, readonly string[]>>;
  /** After so long it is ended. */
  readonly minutes: Readonly<Record<Extent, number>>;
}

export interface Outcome {
  readonly name: string;
  readonly state: 'done' | 'skipped' | 'failed';
  /** Why it was skipped or how it failed. */
  readonly reason?: string;
  readonly seconds: number;
}

export interface RunOptions {
  readonly extent: Extent;
  /** Where results are written. */
  readonly results: string;
  /** Ends the benchmark that is under way; those that wait do not begin. */
  readonly signal: AbortSignal;
  /** What does not end when it is asked to is ended after so long; default: 5,000. */
  readonly graceMs?: number;
  /** Each line that a benchmark prints. */
  readonly print: (line: string) => void;
  /** Called as each begins and ends. */
  readonly tell: (line: string) => void;
}

/** A name of the table, or a script of your own: `./mine.ts`, which calls `saveResult` with its own name. */
export function choose(names: readonly string[], table: readonly Benchmark[]): Benchmark[] {
  if (names.length === 0) return [...table];
  return names.map((name) => {
    const known = table.find((benchmark) => benchmark.name === name);
    if (known !== undefined) return known;
    if (name.endsWith('.ts') && existsSync(name)) {
      const minutes = { quick: 2, normal: 10, full: 60 };
      return { name: resolve(name), about: 'a script of your own', minutes };
    }
    const all = table.map((benchmark) => benchmark.name).join(', ');
    throw new RangeError(`no benchmark is called ${name}: there are ${all}`);
  });
}

export async function runAll(
  benchmarks: readonly Benchmark[],
  options: RunOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [n, benchmark] of benchmarks.entries()) {
    if (options.signal.aborted) break;
    const name = basename(benchmark.name, '.ts');
    const limit = benchmark.minutes[options.extent];
    options.tell(`== ${name} (${n + 1} of ${benchmarks.length}, at most ${limit} min)`);
    const outcome = await run(name, benchmark, options);
    const { state, reason, seconds } = outcome;
    const why = reason === undefined ? '' : `: ${reason}`;
    options.tell(`== ${name} ${state} after ${seconds.toFixed(0)} s${why}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function run(name: string, benchmark: Benchmark, options: RunOptions): Promise<Outcome> {
  const { extent, results, signal, graceMs = 5_000 } = options;
  const file = benchmark.name.endsWith('.ts')
    ? benchmark.name
    : fileURLToPath(new URL(`../${benchmark.name}.ts`, import.meta.url));
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [...process.execArgv, file, ...(benchmark.args?.[extent] ?? [])],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, GBA_PUSH_BENCH_RESULTS: results },
      // A group of its own: what it started ends with it.
      detached: true,
    },
  );
  let lastLine = '';
  createInterface(child.stdout).on('line', (line) => {
    options.print(line);
    lastLine = line;
  });
  const limit = AbortSignal.timeout(benchmark.minutes[extent] * 60_000);
  const either = AbortSignal.any([limit, signal]);
  const end = (): void => {
    endGroup(child, graceMs);
  };
  either.addEventListener('abort', end, { once: true });
  if (either.aborted) end();
  const how = await new Promise<number | string>((settle) => {
    child.once('error', (error) => {
      settle(error.message);
    });
    child.once('close', (code, by) => {
      settle(code ?? `ended by ${by ?? 'nobody'}`);
    });
  });
  either.removeEventListener('abort', end);
  signalGroup(child, 'SIGKILL');
  const seconds = (performance.now() - startedAt) / 1_000;
  const failed = (reason: string): Outcome => ({ name, state: 'failed', reason, seconds });
  if (signal.aborted) return failed('interrupted');
  if (limit.aborted) return failed(`not done after ${benchmark.minutes[extent]} min`);
  if (how === EXIT_SKIPPED) return { name, state: 'skipped', reason: lastLine, seconds };
  if (how !== 0) return failed(typeof how === 'number' ? `exit code ${how}` : how);
  return { name, state: 'done', seconds };
}

/** Asks all of its processes to end, and insists after a while. */
function endGroup(child: ChildProcess, graceMs: number): void {
  signalGroup(child, 'SIGTERM');
  const insist = setTimeout(() => {
    signalGroup(child, 'SIGKILL');
  }, graceMs);
  child.once('exit', () => {
    clearTimeout(insist);
  });
}

/** Nothing, when the group is gone. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
