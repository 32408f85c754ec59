/** What `npm run bench` does with its arguments. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readResult, writeWhole } from './result.ts';
import { choose, runAll, type Benchmark, type Extent, type Outcome } from './runner.ts';
import { formatJudged, judge, keep, readBaseline, type Baseline } from '../report/baseline.ts';
import { allRatios } from '../report/chapters.ts';
import { Figures } from '../report/figures.ts';
import { writeReport } from '../report/report.ts';

export interface BenchIo {
  readonly table: readonly Benchmark[];
  /** Interrupts: what is under way is ended. */
  readonly signal: AbortSignal;
  /** What was asked for. */
  readonly print: (line: string) => void;
  /** What is going on. */
  readonly say: (line: string) => void;
}

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  accept: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  /** Where `results/`, `plots/`, `RESULTS.md` and `baseline.json` lie. */
  folder: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
} as const;

const USAGE = `npm run bench -- [NAME...] [OPTION...]

Runs the benchmarks, all or these, each a process of its own (an hour or more for all; leave the machine alone), and
writes results/, plots/, RESULTS.md and the figures of the README.

  --quick, --full   a look, in minutes; more rounds than usual
  --report          runs nothing: writes the report from the results that are there
  --check           compares ratios with baseline.json, and ends with 1 when one is worse
  --accept          makes the ratios of now that baseline, unless something failed
  --folder FOLDER   another place for all of these files
  --list            the names
  -h, --help        this

Exit codes: 0 ok, 1 something failed, is worse or was interrupted, 2 usage

NAME is one of these, or a script of your own, as ./mine.ts:
`;

/** The exit code: 0 all is well, 1 something failed or is worse or was interrupted, 2 it was asked for what is not there. */
export async function bench(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    return await run(argv, io);
  } catch (error) {
    io.say(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

async function run(argv: readonly string[], io: BenchIo): Promise<number> {
  const options = { options: OPTIONS, allowPositionals: true } as const;
  const { values, positionals } = parseArgs({ ...options, args: [...argv] });
  const { table, signal, say, print } = io;
  if (values.help) print(USAGE);
  if (values.list || values.help) {
    for (const { name, about } of table) print(`${name.padEnd(12)}${about}`);
    return 0;
  }
  const folder = resolve(values.folder);
  const results = join(folder, 'results');
  mkdirSync(results, { recursive: true });
  const extent: Extent = values.quick ? 'quick' : values.full ? 'full' : 'normal';
  const outcomes = values.report
    ? []
    : await runAll(choose(positionals, table), { extent, results, signal, print, tell: say });
  for (const { name, state, reason } of outcomes) {
    if (state !== 'done') say(`${state}: ${name}: ${reason ?? ''}`);
  }
  if (signal.aborted) return 1;

  const files = readdirSync(results).filter((file) => file.endsWith('.json'));
  if (files.length === 0) throw new Error('there are no results: run a benchmark first');
  const figures = new Figures(files.map((file) => readResult(join(results, file))));
  for (const file of writeReport(folder, figures, outcomes)) say(`wrote ${file}`);
  const failed = outcomes.filter(({ state }: Outcome) => state === 'failed').length;
  const worse = values.check ? check(folder, figures, print) : 0;
  if (failed + worse > 0) return 1;
  if (values.accept) say(`accepted ${accept(folder, figures)} ratios as the baseline`);
  return 0;
}

/** How many ratios are worse. @throws Error when there is nothing to compare with. */
function check(folder: string, figures: Figures, print: BenchIo['print']): number {
  const baseline = readBaseline(join(folder, 'baseline.json'));
  const judged = judge(baseline.ratios, keep(allRatios(figures)));
  for (const line of formatJudged(judged, baseline)) print(line);
  if (!judged.some(({ before, now }) => before && now)) {
    throw new Error('no ratio is in both: nothing was compared');
  }
  return judged.filter(({ verdict }) => verdict === 'worse').length;
}

/** How many ratios are kept. */
function accept(folder: string, figures: Figures): number {
  const [first] = figures.results;
  const baseline: Baseline = {
    acceptedAt: new Date().toISOString(),
    commit: first?.commit ?? '',
    cpu: first?.machine.cpu ?? '',
    ratios: keep(allRatios(figures)),
  };
  writeWhole(join(folder, 'baseline.json'), `${JSON.stringify(baseline, null, 1)}\n`);
  return Object.keys(baseline.ratios).length;
}
