/** What a benchmark found, as a file: every round that was measured, and where, when and by what command. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Unit = 'us' | 'ms' | 'per second' | 'octets' | 'KiB' | 'count' | 'ratio';

/** One figure of one subject under one set of conditions, in every round. */
export interface Series {
  /** What was measured: `gba-push`, `Mosquitto`, `reuse`. */
  readonly subject: string;
  /** What of it: `acked pushes`, `NAF CPU per acked push`, `p50`. */
  readonly figure: string;
  readonly unit: Unit;
  /** Under what: `{ UEs: 100, window: 32 }`, `{ 'round trip, ms': 50 }`. */
  readonly conditions: Readonly<Record<string, string | number>>;
  /** One value a round, in the order of the rounds; all series of a result share the rounds. */
  readonly rounds: readonly number[];
}

export interface Result {
  readonly name: string;
  /** One sentence: what was compared, and how. */
  readonly about: string;
  /** What the figures leave out, what surprised, what is unflattering. */
  readonly notes: readonly string[];
  /** As it was typed, without paths of the machine. */
  readonly command: string;
  /** ISO 8601. */
  readonly takenAt: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly kernel: string };
  /** `{ node: '20.20.2', openssl: '3.0.19', Mosquitto: '2.0.11' }`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
}

export type Found = Pick<Result, 'name' | 'about' | 'notes' | 'series'> & {
  /** Of the peers; Node's own are added. */
  readonly versions?: Readonly<Record<string, string>>;
};

/** Writes `results/<name>.json` beside this file, or in the folder that GBA_PUSH_BENCH_RESULTS names. */
export function saveResult({ name, about, notes, versions, series }: Found): void {
  const folder =
    process.env['GBA_PUSH_BENCH_RESULTS'] ?? fileURLToPath(new URL('results', import.meta.url));
  const [cpu] = cpus();
  const result: Result = {
    name,
    about,
    notes,
    command:
      `node bench/${basename(process.argv[1] ?? '')} ${process.argv.slice(2).join(' ')}`.trim(),
    takenAt: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') ? '+' : ''),
    machine: { cpu: cpu?.model ?? 'unknown', cpus: cpus().length, kernel: release() },
    versions: { node: process.versions.node, openssl: process.versions.openssl, ...versions },
    series,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(result, null, 1)}\n`);
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return '';
  }
}
