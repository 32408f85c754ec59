/** The regression check: what is slower fails and is named, what is noise does not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Result, Series } from '../../bench/lib/result.ts';
import {
  formatJudged,
  judge,
  keep,
  readBaseline,
  type Baseline,
} from '../../bench/report/baseline.ts';
import { allRatios } from '../../bench/report/chapters.ts';
import { Figures } from '../../bench/report/figures.ts';
import { chance, modesResult, resultOf, series, sidesResult } from '../support/bench-results.ts';

const BEFORE: Omit<Baseline, 'ratios'> = {
  acceptedAt: '2026-01-02T03:04:05.000Z',
  commit: 'abcdef0',
  cpu: 'Some CPU',
};

function kept(...results: readonly Result[]): Baseline['ratios'] {
  return keep(allRatios(new Figures(results)));
}

/** The same result with each round of some series changed. */
function changed(
  result: Result,
  which: (series: Series) => boolean,
  change: (value: number, round: number) => number,
): Result {
  const all = result.series.map((one) =>
    which(one) ? { ...one, rounds: one.rounds.map(change) } : one,
  );
  return { ...result, series: all };
}

test('a run compared with itself is as before in every ratio', (t) => {
  const all = kept(modesResult(), sidesResult());
  const judged = judge(all, all);
  t.true(judged.length > 40);
  t.deepEqual(new Set(judged.map(({ verdict }) => verdict)), new Set(['same']));
});

test('one subject 1.5 times slower fails: its ratios are named, with by how much, and no other', (t) => {
  const before = sidesResult();
  const slower = changed(
    before,
    ({ subject, figure }) => subject === 'gba-push' && figure === 'server CPU per acked push',
    (value) => value * 1.5,
  );
  const judged = judge(kept(before), kept(slower));
  const worse = judged.filter(({ verdict }) => verdict === 'worse');
  t.is(worse.length, 6 * 4, 'six settings, four opponents');
  for (const { key, worseBy } of worse) {
    t.regex(key, /^sides: server CPU per acked push, .*: gba-push \//);
    t.true(Math.abs(worseBy - 1.5) < 1e-9);
  }
  const [first = '', ...rest] = formatJudged(judged, { ...BEFORE, ratios: {} });
  t.regex(
    first,
    /^WORSE +sides: server CPU.*x -> .*x, worse by a factor of 1\.50; 1\.\d\d is within/,
  );
  t.regex(rest.at(-1) ?? '', /0 better, 24 worse/);
});

test('the direction of a figure decides: fewer pushes are worse, less CPU is better', (t) => {
  const before = sidesResult();
  const isRate = ({ subject, figure }: Series): boolean =>
    subject === 'gba-push' && figure === 'acked pushes';
  const verdicts = (factor: number): Set<string> => {
    const after = changed(before, isRate, (value) => value * factor);
    const own = judge(kept(before), kept(after)).filter(({ key }) => key.includes('acked pushes,'));
    return new Set(own.map(({ verdict }) => verdict));
  };
  t.deepEqual(verdicts(1 / 1.5), new Set(['worse']));
  t.deepEqual(verdicts(1.5), new Set(['better']));
});

test('a machine that is slower for all is no regression', (t) => {
  const before = sidesResult();
  const slow = changed(
    before,
    ({ unit }) => unit === 'us',
    (value, round) => value * (2 + round),
  );
  const own = judge(kept(before), kept(slow)).filter(({ verdict }) => verdict === 'worse');
  t.deepEqual(own, []);
});

test('what chance does to a ratio is within the larger spread', (t) => {
  const random = chance(4_711);
  const noisy = (): Result =>
    resultOf('sides', [
      series(
        ['gba-push', 'p50', 'us'],
        Array.from({ length: 7 }, () => 300 * (0.9 + 0.2 * random())),
      ),
      series(
        ['Mosquitto', 'p50', 'us'],
        Array.from({ length: 7 }, () => 200 * (0.9 + 0.2 * random())),
      ),
    ]);
  const runs = Array.from({ length: 40 }, () => kept(noisy()));
  const verdicts = runs.slice(1).flatMap((run, i) => judge(runs[i] ?? {}, run));
  t.is(verdicts.length, 39);
  t.deepEqual(
    verdicts.filter(({ verdict }) => verdict === 'worse'),
    [],
  );
});

test('rounds too far apart to show a loss of half the speed are called unsteady', (t) => {
  const of = (rounds: readonly number[]): Baseline['ratios'] =>
    kept(
      resultOf('sides', [
        series(['gba-push', 'p50', 'us'], rounds),
        series(
          ['Mosquitto', 'p50', 'us'],
          rounds.map(() => 100),
        ),
      ]),
    );
  const [one] = judge(of([100, 101, 102]), of([100, 110, 190]));
  t.is(one?.verdict, 'wide');
  const [other] = judge(of([100, 101, 102]), of([290, 300, 310]));
  t.is(other?.verdict, 'worse', 'a loss of more than that is seen still');
});

test('a ratio that is gone is missing only where its benchmark was run', (t) => {
  const before = kept(modesResult(), sidesResult());
  const without = { ...sidesResult() };
  const noMosquitto = {
    ...without,
    series: without.series.filter(({ subject }) => subject !== 'Mosquitto'),
  };
  const judged = judge(before, kept(noMosquitto));
  const missing = judged.filter(({ verdict }) => verdict === 'missing');
  t.true(missing.length > 0);
  for (const { key } of missing) t.regex(key, /^sides: .*Mosquitto$/);
  t.is(judged.filter(({ verdict }) => verdict === 'worse').length, 0);
});

test('a file that is no baseline says so, and what to do', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-bench-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'baseline.json');
  writeFileSync(file, JSON.stringify({ ...BEFORE, ratios: { one: { median: -1 } } }));
  t.throws(() => readBaseline(file), { message: /not a baseline: [^]*--accept/ });
  writeFileSync(file, JSON.stringify({ ...BEFORE, ratios: kept(sidesResult()) }));
  t.deepEqual(readBaseline(file).ratios, kept(sidesResult()));
});
