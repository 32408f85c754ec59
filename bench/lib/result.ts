/** What a benchmark found, as a file: every round that was measured, and where, when and by what command. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { percentilesOf } from '../report/statistics.ts';

const unit = z.enum(['us', 'ms', 'per second', 'octets', 'KiB', 'count', 'ratio']);
export type Unit = z.output<typeof unit>;

/** Under what something was measured: `{ UEs: 100, window: 32 }`, `{ 'round trip, ms': 50 }`. */
export type Conditions = Readonly<Record<string, string | number>>;

/** One figure of one subject under one set of conditions, in every round. */
export interface Series {
  /** What was measured: `gba-push`, `Mosquitto`, `reuse`. */
  readonly subject: string;
  /** What of it: `acked pushes`, `NAF CPU per acked push`, `p50`. */
  readonly figure: string;
  readonly unit: Unit;
  readonly conditions: Conditions;
  /** One value a round, in the order of the rounds; all series of a result share the rounds. */
  readonly rounds: readonly number[];
  /** Of the single samples of all rounds together, percentiles 0, 1, ... 100: `distribution(samples)`. */
  readonly percentiles?: readonly number[];
}

export interface Result {
  readonly name: string;
  /** One sentence: what was compared, and how. */
  readonly about: string;
  /** What the figures leave out, what surprised, what is unflattering. */
  readonly notes: readonly string[];
  /** What was not measured here, and why: `Mosquitto: not installed (apt-get install mosquitto)`. */
  readonly skipped?: readonly string[];
  /** As it was typed, without paths of the machine. */
  readonly command: string;
  /** ISO 8601. */
  readonly takenAt: string;
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly kernel: string;
    /** Processes that ran or wanted to, the mean of the minute before the benchmark began. */
    readonly load?: number;
  };
  /** `{ node: '20.20.2', openssl: '3.0.19', Mosquitto: '2.0.11' }`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
}

export type Found = Pick<Result, 'name' | 'about' | 'notes' | 'series' | 'skipped'> & {
  /** Of the peers; Node's own are added. */
  readonly versions?: Readonly<Record<string, string>>;
};

/** A benchmark ends with this exit code when nothing of it can run here; its last line says why. */
export const EXIT_SKIPPED = 77;

const here = fileURLToPath(new URL('..', import.meta.url));
const [load = 0] = loadavg();

/** Writes `results/<name>.json` beside this file, or in the folder that GBA_PUSH_BENCH_RESULTS names. */
export function saveResult({ name, about, notes, skipped, versions, series }: Found): void {
  const folder = process.env['GBA_PUSH_BENCH_RESULTS'] ?? join(here, 'results');
  const [cpu] = cpus();
  const [, script = '', ...args] = process.argv;
  const result: Result = {
    name,
    about,
    notes,
    ...(skipped && skipped.length > 0 && { skipped }),
    command: ['node', `bench/${basename(script)}`, ...args.map(withoutPath)].join(' '),
    takenAt: new Date().toISOString(),
    commit:
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '../src') ? '+' : ''),
    machine: { cpu: cpu?.model ?? 'unknown', cpus: cpus().length, kernel: release(), load },
    versions: { node: process.versions.node, openssl: process.versions.openssl, ...versions },
    series,
  };
  mkdirSync(folder, { recursive: true });
  writeWhole(join(folder, `${name}.json`), formatResult(result));
}

/** The single samples of all rounds, for `percentiles`; none when there are too few to show a shape. */
export function distribution(samples: readonly number[]): Pick<Series, 'percentiles'> {
  return samples.length < 20 ? {} : { percentiles: percentilesOf(samples) };
}

const resultSchema = z.object({
  name: z.string().regex(/^[a-z0-9-]+$/),
  about: z.string(),
  notes: z.array(z.string()),
  skipped: z.array(z.string()).optional(),
  command: z.string(),
  takenAt: z.iso.datetime(),
  commit: z.string(),
  machine: z.object({
    cpu: z.string(),
    cpus: z.number(),
    kernel: z.string(),
    load: z.number().optional(),
  }),
  versions: z.record(z.string(), z.string()),
  series: z.array(
    z.object({
      subject: z.string(),
      figure: z.string(),
      unit,
      conditions: z.record(z.string(), z.union([z.string(), z.number()])),
      rounds: z.array(z.number()).min(1),
      percentiles: z.array(z.number()).length(101).optional(),
    }),
  ),
});

/** @throws Error that names the file and what is wrong with it. */
export function readResult(file: string): Result {
  try {
    return resultSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) as Result;
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`${basename(file)} is not the result of a benchmark: ${why}`, { cause: error });
  }
}

/** A series a line, six digits a number: small, and a change of one figure is a change of one line. */
export function formatResult({ series, ...head }: Result): string {
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value;
  const lines = series.map((one) => `  ${JSON.stringify(one, digits)}`).join(',\n');
  return `${JSON.stringify(head, digits, 1).slice(0, -2)},\n "series": [\n${lines}\n ]\n}\n`;
}

/** Whoever reads the file sees the old one or the new one, never a part. */
export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function withoutPath(arg: string): string {
  return arg
    .split('=')
    .map((part) => (isAbsolute(part) ? basename(part) : part))
    .join('=');
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe', cwd: here }).trim();
  } catch {
    return '';
  }
}
