/** Looks figures up in the results that are there, and takes ratios of them round by round. */
import type { Conditions, Result, Series } from '../lib/result.ts';
import { ratiosOf, spreadOf, type Spread } from './statistics.ts';

export interface Query {
  /** The benchmark. */
  readonly in: string;
  readonly subject?: string;
  readonly figure?: string;
  /** Conditions that must hold; others may be there beside them. */
  readonly where?: Conditions;
}

/** A pair of subjects that a benchmark sets side by side, under every condition that both were measured under. */
export interface Comparison {
  readonly figure: string;
  /** All other subjects, when left out. */
  readonly of?: string;
  readonly over: string;
  readonly better: 'higher' | 'lower';
  /** What `over` is: somebody else's work, the least that there could be, or another way of our own. */
  readonly against: 'rival' | 'floor' | 'own';
}

export interface Ratio extends Comparison {
  readonly in: string;
  readonly of: string;
  readonly conditions: Conditions;
  readonly spread: Spread;
}

export class Figures {
  readonly results: readonly Result[];

  constructor(results: readonly Result[]) {
    this.results = results;
  }

  result(name: string): Result | undefined {
    return this.results.find((result) => result.name === name);
  }

  all({ in: name, subject, figure, where = {} }: Query): readonly Series[] {
    return (this.result(name)?.series ?? []).filter(
      (series) =>
        (subject === undefined || series.subject === subject) &&
        (figure === undefined || series.figure === figure) &&
        Object.entries(where).every(([key, value]) => series.conditions[key] === value),
    );
  }

  one(query: Query): Series | undefined {
    return this.all(query)[0];
  }

  /** Undefined when it was not measured. */
  spread(query: Query): Spread | undefined {
    const series = this.one(query);
    return series && spreadOf(series.rounds);
  }

  median(query: Query): number | undefined {
    return this.spread(query)?.median;
  }

  /** Every ratio of one comparison: of each subject, under each set of conditions. */
  ratios(name: string, comparison: Comparison): readonly Ratio[] {
    const { figure, of, over } = comparison;
    return this.all({ in: name, figure, ...(of !== undefined && { subject: of }) })
      .filter(({ subject }) => subject !== over)
      .flatMap((series) => {
        const base = this.all({ in: name, figure, subject: over }).find(
          ({ conditions }) => conditionsText(conditions) === conditionsText(series.conditions),
        );
        const rounds = base && ratiosOf(series.rounds, base.rounds);
        if (rounds === undefined) return [];
        const { subject, conditions } = series;
        return [{ ...comparison, in: name, of: subject, conditions, spread: spreadOf(rounds) }];
      });
  }
}

/** `UEs 100, window 32`; the same text for the same conditions, in whatever order they were written. */
export function conditionsText(conditions: Conditions): string {
  return Object.entries(conditions)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      const [what, unit] = name.split(', ');
      const amount = value.toLocaleString('en-US');
      return unit === undefined ? `${name} ${amount}` : `${what} ${amount} ${unit}`;
    })
    .join(', ');
}

/** What a ratio is known by from one run to the next. */
export function ratioKey({ in: name, figure, of, over, conditions }: Ratio): string {
  const under = conditionsText(conditions);
  return `${name}: ${figure}${under === '' ? '' : `, ${under}`}: ${of} / ${over}`;
}

/** How many times better `of` is than `over`, by the direction of the figure. */
export function advantage({ better, spread: { median } }: Ratio): number {
  return better === 'higher' ? median : 1 / median;
}

/** `over` was ahead in every round that counts. */
export function isBehind({ better, spread }: Ratio): boolean {
  return better === 'higher' ? spread.high < 1 : spread.low > 1;
}
