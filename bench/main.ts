/**
 * `npm run bench`: runs the benchmarks, each a process of its own, and writes the report from what they found.
 *
 *   npm run bench -- [NAME...] [--quick | --full] [--check] [--accept] [--report] [--list] [--folder FOLDER]
 *
 * Ends with 1 when a benchmark failed or, with --check, a ratio is worse than in the baseline; with 2 when
 * it was asked for something that is not there.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readResult, writeWhole } from './_result.ts';
import { choose, runAll, type Benchmark, type Extent, type Outcome } from './_runner.ts';
import { formatJudged, judge, keep, readBaseline, type Baseline } from './report/baseline.ts';
import { allRatios } from './report/chapters.ts';
import { Figures } from './report/figures.ts';
import { writeReport } from './report/report.ts';

/** The benchmarks, in the order of the report. Another one is another line. */
const TABLE: readonly Benchmark[] = [
  {
    name: 'handshake',
    about: 'octets and NAF CPU of a handshake: groups, resumption',
    args: { quick: ['--rounds', '10'], full: ['--rounds', '400'] },
    minutes: { quick: 2, normal: 5, full: 15 },
  },
  {
    name: 'gate',
    about: 'server CPU of a handshake whose key has to be fetched, beside plain node:tls',
    args: { quick: ['--rounds', '3', '--handshakes', '200'], full: ['--rounds', '25'] },
    minutes: { quick: 3, normal: 6, full: 20 },
  },
  {
    name: 'start',
    about: 'a NAF with many associations: start, memory, end, all of them expiring',
    args: { quick: ['--associations', '5000', '--rounds', '2'], full: ['--rounds', '9'] },
    minutes: { quick: 3, normal: 10, full: 30 },
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    accept: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    /** Where `results/`, `plots/`, `RESULTS.md` and `baseline.json` lie. */
    folder: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) },
  },
});
const folder = resolve(values.folder);
const results = join(folder, 'results');
const extent: Extent = values.quick ? 'quick' : values.full ? 'full' : 'normal';
const say = (line: string): void => {
  console.error(line);
};

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  return 2;
});

async function main(): Promise<number> {
  if (values.list) {
    for (const { name, about } of TABLE) console.log(`${name.padEnd(12)}${about}`);
    return 0;
  }
  const outcomes = values.report ? [] : await run();
  if (outcomes === undefined) return 1;
  const files = existsSync(results) ? readdirSync(results).filter(isResult) : [];
  if (files.length === 0) throw new Error(`no results in ${values.folder}: run a benchmark first`);
  const figures = new Figures(files.map((file) => readResult(join(results, file))));
  for (const file of writeReport(folder, figures, outcomes)) say(`wrote ${file}`);
  const failed = outcomes.filter(({ state }) => state === 'failed').length;
  const worse = values.check ? check(figures) : 0;
  if (values.accept && failed + worse === 0) accept(figures);
  return failed + worse === 0 ? 0 : 1;
}

/** Undefined when it was interrupted: then nothing is made of what is there. */
async function run(): Promise<readonly Outcome[] | undefined> {
  const chosen = choose(positionals, TABLE);
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  mkdirSync(results, { recursive: true });
  const outcomes = await runAll(chosen, { extent, results, signal: stop.signal, tell: say });
  for (const { name, state, reason } of outcomes) {
    if (state !== 'done') say(`${state}: ${name}: ${reason ?? ''}`);
  }
  return stop.signal.aborted ? undefined : outcomes;
}

/** How many ratios are worse. @throws Error when there is nothing to compare with. */
function check(figures: Figures): number {
  const baseline = readBaseline(join(folder, 'baseline.json'));
  const judged = judge(baseline.ratios, keep(allRatios(figures)));
  for (const line of formatJudged(judged, baseline)) console.log(line);
  if (!judged.some(({ before, now }) => before && now)) {
    throw new Error('no ratio is in both: nothing was compared');
  }
  return judged.filter(({ verdict }) => verdict === 'worse').length;
}

function accept(figures: Figures): void {
  const [first] = figures.results;
  const baseline: Baseline = {
    acceptedAt: new Date().toISOString(),
    commit: first?.commit ?? '',
    cpu: first?.machine.cpu ?? '',
    ratios: keep(allRatios(figures)),
  };
  writeWhole(join(folder, 'baseline.json'), `${JSON.stringify(baseline, null, 1)}\n`);
  say(`accepted ${Object.keys(baseline.ratios).length} ratios as the baseline`);
}

function isResult(file: string): boolean {
  return file.endsWith('.json');
}
