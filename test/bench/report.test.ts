/** RESULTS.md: what is unflattering comes first, and no sentence is there that its figures do not bear out. */
import test from 'ava';
import type { Result } from '../../bench/lib/result.ts';
import { chapters } from '../../bench/report/chapters.ts';
import { Figures, conditionsText, ratioKey } from '../../bench/report/figures.ts';
import { number, ratio, short, withSpread } from '../../bench/report/format.ts';
import { formatReport } from '../../bench/report/report.ts';
import { ratioTable, seriesTables } from '../../bench/report/tables.ts';
import { judgeTargets, verdict } from '../../bench/report/targets.ts';
import {
  gateResult,
  idleResult,
  modesResult,
  resultOf,
  series,
  sidesResult,
  sweepResult,
} from '../support/bench-results.ts';

const all = (): Result[] => [
  modesResult(),
  sweepResult(),
  sidesResult(),
  idleResult(),
  gateResult(),
];

function reportOf(...results: readonly Result[]): string {
  return formatReport(new Figures(results), []);
}

function sectionOf(report: string, title: string): string {
  return report.split(`\n## ${title}\n`)[1]?.split('\n## ', 1)[0] ?? '';
}

const UNFLATTERING = 'What is not flattering';

/** The same result with the rounds of some series made others. */
function changed(
  result: Result,
  [subject, figure]: readonly [string, string],
  change: (value: number) => number,
): Result {
  return {
    ...result,
    series: result.series.map((one) =>
      one.subject === subject && one.figure === figure
        ? { ...one, rounds: one.rounds.map(change) }
        : one,
    ),
  };
}

test('first what is not flattering, then what surprised, the targets, and then the details', (t) => {
  const titles = Array.from(reportOf(...all()).matchAll(/^## (.+)$/gm), ([, title]) => title);
  t.deepEqual(titles.slice(0, 4), [
    UNFLATTERING,
    'What surprised',
    'Targets',
    'One push at a time, by every way',
  ]);
  t.is(titles.at(-1), 'Not measured');
});

test('machine, versions, commit, command and time of each result are told', (t) => {
  const report = reportOf(...all());
  t.regex(report, /2 x Some CPU, Linux 6\.1\.0/);
  t.regex(report, /Node\.js 20\.20\.2, OpenSSL 3\.0\.19/);
  t.regex(
    report,
    /\| modes \| 2026-01-02 03:04 UTC \| abcdef0 \| 7 \| 0\.10 \| `node bench\/modes\.ts` \|/,
  );
});

test('that resumption saves no round trip in TLS 1.3 is told as long as it is so', (t) => {
  const told =
    /Resumption is worth nothing in TLS 1\.3.*takes 3\.00 round trips.*TLS 1\.2 takes 3\.00/;
  t.regex(sectionOf(reportOf(modesResult()), UNFLATTERING), told);
  const worse = changed(modesResult(), ['reconnect 1.3 X25519', 'round trips'], (n) => n + 1);
  t.notRegex(reportOf(worse), /Resumption is worth nothing/);
});

test('that the tail is restless is told as long as it is so', (t) => {
  t.regex(sectionOf(reportOf(modesResult()), UNFLATTERING), /The tail is not ours to promise/);
  t.notRegex(reportOf(changed(modesResult(), ['reuse', 'p99'], () => 0.35)), /The tail is not/);
});

test('where Mosquitto is ahead is told, with all of its settings; where it is not, nothing', (t) => {
  const told = sectionOf(reportOf(sidesResult()), UNFLATTERING);
  t.regex(
    told,
    /\*\*Mosquitto is ahead in acked pushes\*\* in 2 of 6 settings: gba-push has 0\.\d\dx/,
  );
  const faster = changed(sidesResult(), ['gba-push', 'acked pushes'], (rate) => rate * 4);
  t.notRegex(reportOf(faster), /Mosquitto is ahead in acked pushes/);
});

test('a target that is missed is among what is not flattering, one that is met is not', (t) => {
  const missed = /Target missed: memory per idle layer.*31\.\d .*KiB, wanted at most 30\.0 KiB/;
  t.regex(sectionOf(reportOf(idleResult()), UNFLATTERING), missed);
  const less = changed(idleResult(), ['gba-push', 'RSS per connection'], () => 29);
  t.notRegex(reportOf(less), /Target missed/);
  t.regex(sectionOf(reportOf(less), 'Targets'), /\| ≤ 30\.0 KiB \| 29\.0 KiB \| yes \|/);
});

test('the targets of pushes, of the gate and of memory are all in the table, each with what bounds it', (t) => {
  const rows = sectionOf(reportOf(...all()), 'Targets')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) => line.split(' | '));
  t.is(rows.length, 10);
  for (const row of rows) {
    t.is(row.length, 6);
    t.true((row[5] ?? '').length > 60, row[0]);
  }
});

test('beside a target stands what the least that does it takes', (t) => {
  const floor = sectionOf(reportOf(idleResult()), 'Targets');
  t.regex(floor, /\| \*\*no\*\*[^|]*\| [\d.]+ .*KiB: bare Node TLS \|/);
  t.regex(
    reportOf(idleResult()),
    /wanted at most 30\.0 KiB; bare Node TLS, which does the least: [\d.]+/,
  );
});

test('a target inside the spread is said to be so', (t) => {
  const near = resultOf('idle', [
    series(['gba-push', 'RSS per connection', 'KiB'], [29, 30.5, 31], { devices: 5_000 }),
  ]);
  const chapter = chapters.find(({ name }) => name === 'idle');
  const [judged] = chapter ? judgeTargets(chapter, new Figures([near])) : [];
  t.is(judged && verdict(judged), '**no**, within the spread');
  const [none] = chapter ? judgeTargets(chapter, new Figures([])) : [];
  t.is(none && verdict(none), 'not measured');
});

test('few rounds, a busy machine, and sources that no commit has are told before all else', (t) => {
  const { machine, series: figures, ...rest } = sidesResult();
  const poor: Result = {
    ...rest,
    commit: 'abcdef0+',
    machine: { ...machine, load: 3 },
    series: figures.map((one) => ({ ...one, rounds: one.rounds.slice(0, 3) })),
  };
  const told = sectionOf(reportOf(poor), UNFLATTERING).trim().split('\n').slice(0, 3);
  t.regex(told[0] ?? '', /Fewer than 7 rounds\*\*: sides/);
  t.regex(told[1] ?? '', /The machine had other work/);
  t.regex(told[2] ?? '', /Sources that no commit has/);
  t.notRegex(reportOf(sidesResult()), /Fewer than|other work|no commit has/);
});

test('what was skipped or failed is named with its reason, and what is left of an earlier run', (t) => {
  const report = formatReport(
    new Figures([sidesResult()]),
    [],
    [
      { name: 'sweep', state: 'skipped', reason: 'no network namespaces' },
      { name: 'sides', state: 'failed', reason: 'exit code 1' },
    ],
  );
  const told = sectionOf(report, 'Not measured');
  t.regex(told, /- sweep skipped: no network namespaces\n/);
  t.regex(told, /- sides failed: exit code 1; what is above is of an earlier run\n/);
  t.regex(told, /- modes: no result yet, `npm run bench -- modes`/);
});

test('no benchmark, no sentence: a report of one small result has nothing of the others', (t) => {
  const small = resultOf('mine', [series(['one', 'p50', 'us'], [1, 2, 3])]);
  const report = reportOf(small);
  t.notRegex(report, /Mosquitto|Resumption|## Targets/);
  t.is(sectionOf(report, 'What surprised').trim(), 'Nothing.');
});

test('a ratio is taken within one set of conditions, by subjects of one round', (t) => {
  const result = resultOf('sides', [
    series(['gba-push', 'p50', 'us'], [10, 40, 30], { window: 1, UEs: 1 }),
    series(['Mosquitto', 'p50', 'us'], [5, 20, 10], { UEs: 1, window: 1 }),
    series(['Mosquitto', 'p50', 'us'], [1, 1, 1], { UEs: 2, window: 1 }),
  ]);
  const comparison = {
    figure: 'p50',
    over: 'Mosquitto',
    better: 'lower',
    against: 'rival',
  } as const;
  const ratios = new Figures([result]).ratios('sides', comparison);
  t.is(ratios.length, 1);
  t.like(ratios[0]?.spread, { low: 2, median: 2, high: 3 });
  t.is(ratios[0] && ratioKey(ratios[0]), 'sides: p50, UEs 1, window 1: gba-push / Mosquitto');
});

test('tables have the columns of their conditions in order of size, and only what varies', (t) => {
  const where = (roundTrip: number): Record<string, number> => ({
    'round trip, ms': roundTrip,
    loss: 0,
  });
  const result = resultOf(
    'sweep',
    [100, 20].flatMap((ms) => [series(['reuse', 'p50', 'ms'], [ms], where(ms))]),
  );
  const [title, table = ''] = seriesTables(result);
  t.is(title, '**p50, ms**');
  t.deepEqual(table.split('\n'), [
    '|  | round trip 20 ms | round trip 100 ms |',
    '| --- | --- | --- |',
    '| reuse | 20.0 | 100 |',
  ]);
  t.is(conditionsText({ window: 1_024, UEs: 1 }), 'UEs 1, window 1,024');
  t.regex(ratioTable([]), /^\| ratio \|/);
});

test('numbers have three digits that count, and counts are whole', (t) => {
  t.deepEqual([0, 0.01234, 1.5, 99.96, 12_345].map(number), [
    '0',
    '0.0123',
    '1.50',
    '100',
    '12,300',
  ]);
  t.deepEqual([0.0123, 0.5, 5, 15.55, 250].map(ratio), ['0.012', '0.50', '5.00', '15.6', '250']);
  t.is(withSpread({ low: 1, median: 2, high: 3, rounds: 3 }, 'count'), '2 (1 to 3)');
  t.is(withSpread({ low: 366, median: 366, high: 366, rounds: 3 }, 'octets'), '366');
  t.is(short(1_234, 'ms'), '1,200\u00a0ms');
});
