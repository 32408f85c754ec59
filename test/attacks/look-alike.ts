/** Do failures of several kinds look alike to whoever sees their alerts and has a stopwatch? */
import { mannWhitney, median } from '../support/mann-whitney.ts';
import type { Refusal } from './stopwatch.ts';

/** One more refusal of each kind, by its name. */
export type Kinds = Readonly<Record<string, () => Promise<Refusal>>>;

/** Of each kind in one run. */
const SAMPLES = 500;
const WARM_UP = 50;
/** Kinds differ when their medians do by so much, and chance gives such samples so seldom. */
const LEAST_DIFFERENCE = 0.05;
const LEAST_CHANCE = 0.01;
/**
 * A difference that is there shows in every run. Of alike kinds, four make six pairs, so chance alone
 * makes one of them differ in at most 6 runs of 100, and in three runs out of three in at most 1 of 4,000.
 */
const RUNS = 3;

/** What tells the kinds apart, a sentence for each pair; nothing when one run of three finds nothing. */
export async function differences(kinds: Kinds): Promise<readonly string[]> {
  let found: string[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const pairs = pairsOf([...(await sample(kinds))]);
    const told = pairs.flatMap(([one, other]) => alertDifferenceOf(one, other));
    // Alerts are no matter of chance.
    if (told.length > 0) return told;
    found = pairs.flatMap(([one, other]) => timeDifferenceOf(one, other));
    if (found.length === 0) return [];
  }
  return found;
}

type Sampled = readonly [kind: string, refusals: readonly Refusal[]];

/** All kinds in one random order, so that what the machine does meanwhile meets all of them. */
async function sample(kinds: Kinds): Promise<Map<string, Refusal[]>> {
  const names = Object.keys(kinds);
  const order = names.flatMap((name) => Array.from({ length: SAMPLES }, () => name));
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? '', order[i] ?? ''];
  }
  for (const name of order.slice(0, WARM_UP)) await kinds[name]?.();
  const samples = new Map(names.map((name): [string, Refusal[]] => [name, []]));
  for (const name of order) {
    const refusal = await kinds[name]?.();
    if (refusal) samples.get(name)?.push(refusal);
  }
  return samples;
}

function alertDifferenceOf([one, first]: Sampled, [other, second]: Sampled): string[] {
  const alerts = [first, second].map((refusals) => [...alertsOf(refusals)].sort().join(', '));
  return alerts[0] === alerts[1] ? [] : [`${one} and ${other}: alerts ${alerts.join(' and ')}`];
}

function timeDifferenceOf([one, first]: Sampled, [other, second]: Sampled): string[] {
  const times = [first, second].map((refusals) => refusals.map(({ us }) => us)) as [
    number[],
    number[],
  ];
  const [a, b] = times.map(median) as [number, number];
  const difference = Math.abs(a - b) / Math.min(a, b);
  const { p } = mannWhitney(...times);
  if (difference < LEAST_DIFFERENCE || p > LEAST_CHANCE) return [];
  const percent = (100 * difference).toFixed(1);
  return [`${one} and ${other}: ${a.toFixed(0)} and ${b.toFixed(0)} us, ${percent} %, p ${p}`];
}

function alertsOf(refusals: readonly Refusal[]): Set<string> {
  return new Set(refusals.map(({ alert }) => String(alert)));
}

function pairsOf<T>(all: readonly T[]): [T, T][] {
  return all.flatMap((one, i) => all.slice(i + 1).map((other): [T, T] => [one, other]));
}
