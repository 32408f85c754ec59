/**
 * Has anything become slower? Ratios of a run beside those of a run that was accepted: a ratio is worse
 * when its median is worse by a larger factor than either run's rounds spread by themselves.
 */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { ratioKey, type Ratio } from './figures.ts';
import { times } from './format.ts';
import { widthOf, type Spread } from './statistics.ts';

const baselineSchema = z.object({
  /** ISO 8601. */
  acceptedAt: z.iso.datetime(),
  commit: z.string(),
  cpu: z.string(),
  ratios: z.record(
    z.string(),
    z.object({
      better: z.enum(['higher', 'lower']),
      median: z.number().positive(),
      low: z.number().positive(),
      high: z.number().positive(),
      rounds: z.number().int().positive(),
    }),
  ),
});
export type Baseline = z.output<typeof baselineSchema>;
export type Kept = Baseline['ratios'][string];

/** Runs differ by so much with nothing changed: where code and data come to lie, what else is cached. */
export const LEAST_FACTOR = 1.05;
/** Rounds that spread by more than this cannot show a loss of half the speed. */
export const WIDE_FACTOR = 1.5;

export type Verdict = 'same' | 'better' | 'worse' | 'wide' | 'new' | 'missing';

export interface Judged {
  readonly key: string;
  readonly verdict: Verdict;
  readonly before?: Spread;
  readonly now?: Spread;
  /** How many times worse the median is; below 1 it is better. */
  readonly worseBy: number;
  /** The factor that chance may explain. */
  readonly allowed: number;
}

/** @throws Error when the file is not a baseline. */
export function readBaseline(file: string): Baseline {
  if (!existsSync(file)) throw new Error('there is no baseline yet: write one with --accept');
  const parsed = baselineSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`not a baseline: ${z.prettifyError(parsed.error)}; write one with --accept`);
}

export function keep(ratios: readonly Ratio[]): Baseline['ratios'] {
  return Object.fromEntries(
    ratios
      .filter(({ spread }) => spread.low > 0)
      .map((ratio) => [ratioKey(ratio), { better: ratio.better, ...ratio.spread }]),
  );
}

/** Each ratio that is in either; only those of benchmarks that were run can be missing. */
export function judge(before: Baseline['ratios'], now: Baseline['ratios']): readonly Judged[] {
  const benchmarks = new Set(Object.keys(now).map(benchmarkOf));
  const gone = Object.keys(before).filter(
    (key) => !(key in now) && benchmarks.has(benchmarkOf(key)),
  );
  return [
    ...Object.entries(now).map(([key, ratio]) => judgeOne(key, before[key], ratio)),
    ...gone.map((key): Judged => {
      const kept = before[key];
      return { key, verdict: 'missing', worseBy: 1, allowed: 1, ...(kept && { before: kept }) };
    }),
  ];
}

function judgeOne(key: string, before: Kept | undefined, now: Kept): Judged {
  if (before === undefined) return { key, verdict: 'new', now, worseBy: 1, allowed: 1 };
  const factor = now.median / before.median;
  const worseBy = now.better === 'higher' ? 1 / factor : factor;
  const allowed = Math.max(widthOf(before), widthOf(now), LEAST_FACTOR);
  const verdict = ((): Verdict => {
    if (worseBy > allowed) return 'worse';
    if (allowed > WIDE_FACTOR) return 'wide';
    return 1 / worseBy > allowed ? 'better' : 'same';
  })();
  return { key, verdict, before, now, worseBy, allowed };
}

function benchmarkOf(key: string): string {
  return key.split(':', 1)[0] ?? key;
}

/** Lines for a person: what is worse first, each with by how much and how much is allowed. */
export function formatJudged(
  judged: readonly Judged[],
  { acceptedAt, commit }: Baseline,
): string[] {
  const count = (verdict: Verdict): number =>
    judged.filter((one) => one.verdict === verdict).length;
  const told = (verdict: Verdict, line: (one: Judged) => string): string[] =>
    judged.filter((one) => one.verdict === verdict).map(line);
  const change = ({ before, now }: Judged): string =>
    `${times(before?.median ?? NaN)} -> ${times(now?.median ?? NaN)}`;
  const factor = (value: number): string => value.toFixed(2);
  return [
    ...told(
      'worse',
      (one) =>
        `WORSE    ${one.key}: ${change(one)}, worse by a factor of ${factor(one.worseBy)}; ` +
        `${factor(one.allowed)} is within the spread`,
    ),
    ...told('better', (one) => `better   ${one.key}: ${change(one)}`),
    ...told(
      'wide',
      (one) => `unsteady ${one.key}: the rounds spread by a factor of ${factor(one.allowed)}`,
    ),
    ...told('missing', (one) => `missing  ${one.key}: the baseline has it, this run has not`),
    ...told('new', (one) => `new      ${one.key}: ${times(one.now?.median ?? NaN)}`),
    `against the baseline of ${acceptedAt.slice(0, 10)} (${commit}): ${count('same')} as before, ` +
      `${count('better')} better, ${count('worse')} worse, ${count('wide')} too unsteady to tell, ` +
      `${count('missing')} missing, ${count('new')} new`,
  ];
}
