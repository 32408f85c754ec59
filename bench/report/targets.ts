/** Targets beside what was measured. */
import type { Series } from '../lib/result.ts';
import type { Chapter, Target } from './chapter.ts';
import type { Figures } from './figures.ts';
import { number, ratio, times, timesWithSpread, withSpread } from './format.ts';
import { spreadOf, type Spread } from './statistics.ts';
import { table } from './tables.ts';

export interface Judgement {
  readonly target: Target;
  /** Undefined when it was not measured. */
  readonly measured: Spread | undefined;
  readonly unit: Series['unit'] | 'ratio';
  /** Undefined when it was not measured, or is reported without a target. */
  readonly met: boolean | undefined;
}

export function judgeTargets(
  { name, targets = [] }: Chapter,
  figures: Figures,
): readonly Judgement[] {
  return targets.map((target) => {
    const { of, over, figure, where = {}, better } = target;
    const series = figures.one({ in: name, subject: of, figure, where });
    const measured =
      over === undefined
        ? series && spreadOf(series.rounds)
        : figures
            .ratios(name, { figure, of, over, better, against: 'rival' })
            .find(({ conditions }) =>
              Object.entries(where).every(([key, value]) => conditions[key] === value),
            )?.spread;
    const unit = over === undefined ? (series?.unit ?? 'ratio') : 'ratio';
    return { target, measured, unit, met: isMet(target, measured) };
  });
}

function isMet({ better, target }: Target, measured: Spread | undefined): boolean | undefined {
  if (measured === undefined || target === undefined) return undefined;
  return better === 'higher' ? measured.median >= target : measured.median <= target;
}

export function targetTable(judged: readonly Judgement[]): string {
  return table(
    ['what', 'target', 'measured', 'met', 'what bounds it'],
    judged.map((one) => [one.target.what, wanted(one), told(one), verdict(one), one.target.bound]),
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
export function missed({ target, measured, unit, met }: Judgement): string | undefined {
  if (met !== false || measured === undefined || target.target === undefined) return undefined;
  const value =
    unit === 'ratio' ? timesWithSpread(measured) : `${withSpread(measured, unit)} ${unit}`;
  const aim = unit === 'ratio' ? times(target.target) : `${number(target.target)} ${unit}`;
  return `**Target missed: ${target.what}**: ${value}, wanted ${target.better === 'higher' ? 'at least' : 'at most'} ${aim}.`;
}

function wanted({ target: { target, better }, unit }: Judgement): string {
  if (target === undefined) return 'reported';
  const sign = better === 'higher' ? '≥' : '≤';
  return unit === 'ratio' ? `${sign} ${ratio(target)}x` : `${sign} ${number(target)} ${unit}`;
}

function told({ measured, unit }: Judgement): string {
  if (measured === undefined) return '';
  return unit === 'ratio' ? timesWithSpread(measured) : `${withSpread(measured, unit)} ${unit}`;
}
