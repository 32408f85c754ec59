/** Targets beside what was measured. */
import type { Conditions, Series } from '../lib/result.ts';
import type { Chapter, Target } from './chapter.ts';
import type { Figures } from './figures.ts';
import { number, ratio, times, timesWithSpread, withSpread } from './format.ts';
import { spreadOf, type Spread } from './statistics.ts';
import { table } from './tables.ts';

export interface Judgement {
  readonly target: Target;
  /** Undefined when it was not measured. */
  readonly measured: Spread | undefined;
  /** The same of the floor; undefined where there is none, or it was not measured. */
  readonly floor: Spread | undefined;
  readonly unit: Series['unit'] | 'ratio';
  /** Undefined when it was not measured, or is reported without a target. */
  readonly met: boolean | undefined;
}

export function judgeTargets(
  { name, targets = [] }: Chapter,
  figures: Figures,
): readonly Judgement[] {
  return targets.map((target) => {
    const { of, over, figure, where = {}, floor } = target;
    const measured = measure(name, target, of, figures);
    const series = figures.one({ in: name, subject: of, figure, where });
    return {
      target,
      measured,
      floor: floor === undefined ? undefined : measure(name, target, floor, figures),
      unit: over === undefined ? (series?.unit ?? 'ratio') : 'ratio',
      met: isMet(target, measured),
    };
  });
}

function measure(
  name: string,
  { over, figure, where = {}, better }: Target,
  of: string,
  figures: Figures,
): Spread | undefined {
  if (over === undefined) {
    const series = figures.one({ in: name, subject: of, figure, where });
    return series && spreadOf(series.rounds);
  }
  const isThere = (conditions: Conditions): boolean =>
    Object.entries(where).every(([key, value]) => conditions[key] === value);
  return figures
    .ratios(name, { figure, of, over, better, against: 'rival' })
    .find(({ conditions }) => isThere(conditions))?.spread;
}

function isMet({ better, target }: Target, measured: Spread | undefined): boolean | undefined {
  if (measured === undefined || target === undefined) return undefined;
  return better === 'higher' ? measured.median >= target : measured.median <= target;
}

export function targetTable(judged: readonly Judgement[]): string {
  return table(
    ['what', 'target', 'measured', 'met', 'the least that does it', 'what bounds it'],
    judged.map((one) => [
      one.target.what,
      wanted(one),
      amount(one.measured, one.unit),
      verdict(one),
      one.target.floor === undefined ? '' : `${amount(one.floor, one.unit)}: ${one.target.floor}`,
      one.target.bound,
    ]),
  );
}

/** The verdict in words; a target inside the spread is one that another run may decide otherwise. */
export function verdict({ target: { target }, measured, met }: Judgement): string {
  if (measured === undefined) return 'not measured';
  if (met === undefined || target === undefined) return 'no target';
  const close = measured.low <= target && target <= measured.high && measured.low < measured.high;
  return `${met ? 'yes' : '**no**'}${close ? ', within the spread' : ''}`;
}

/** For the list of what is not flattering; undefined when it is met. */
export function missed({ target, measured, floor, unit, met }: Judgement): string | undefined {
  if (met !== false || measured === undefined || target.target === undefined) return undefined;
  const value = amount(measured, unit);
  const aim = unit === 'ratio' ? times(target.target) : `${number(target.target)} ${unit}`;
  const least =
    floor === undefined
      ? ''
      : `; ${target.floor ?? ''}, which does the least: ${amount(floor, unit)}`;
  return `**Target missed: ${target.what}**: ${value}, wanted ${target.better === 'higher' ? 'at least' : 'at most'} ${aim}${least}.`;
}

function wanted({ target: { target, better }, unit }: Judgement): string {
  if (target === undefined) return 'reported';
  const sign = better === 'higher' ? '≥' : '≤';
  return unit === 'ratio' ? `${sign} ${ratio(target)}x` : `${sign} ${number(target)} ${unit}`;
}

function amount(spread: Spread | undefined, unit: Judgement['unit']): string {
  if (spread === undefined) return '';
  return unit === 'ratio' ? timesWithSpread(spread) : `${withSpread(spread, unit)} ${unit}`;
}
