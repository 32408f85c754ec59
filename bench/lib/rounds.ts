/** Figures of several subjects over the same rounds, and their ratios: each of the same round, then the median. */
import type { Series } from './result.ts';
import { number, spread } from './run.ts';

/** What was measured of one subject, a value a round of each figure. */
export class Rounds {
  readonly subject: string;
  readonly conditions: Series['conditions'];
  readonly #figures = new Map<
    string,
    { readonly unit: Series['unit']; readonly rounds: number[] }
  >();

  constructor(subject: string, conditions: Series['conditions'] = {}) {
    this.subject = subject;
    this.conditions = conditions;
  }

  note(figure: string, unit: Series['unit'], value: number): void {
    const known = this.#figures.get(figure);
    if (known) known.rounds.push(value);
    else this.#figures.set(figure, { unit, rounds: [value] });
  }

  get figures(): readonly string[] {
    return [...this.#figures.keys()];
  }

  of(figure: string): readonly number[] {
    return this.#figures.get(figure)?.rounds ?? [];
  }

  get series(): Series[] {
    const { subject, conditions } = this;
    return Array.from(this.#figures, ([figure, { unit, rounds }]) => ({
      ...{ subject, figure, unit, conditions, rounds },
    }));
  }
}

/** `12.30 us, 1.20 x (1.10-1.30)`: the median, and its ratio to `base`, with the spread of that. */
export function described(of: Rounds, figure: string, base?: Rounds): string {
  const own = of.of(figure);
  const { median } = spread(own);
  const text = number(median, median >= 1_000 ? 0 : median >= 100 ? 1 : 2);
  const theirs = base?.of(figure) ?? [];
  if (base === of || theirs.length === 0) return text;
  const ratio = spread(own.map((value, i) => value / (theirs[i] ?? NaN)));
  return `${text}  ${number(ratio.median)} x (${number(ratio.min)}-${number(ratio.max)})`;
}

/** A row for each subject, a column for each figure. */
export function printTable(title: string, all: readonly Rounds[], base?: Rounds): void {
  const figures = [...new Set(all.flatMap((rounds) => rounds.figures))];
  const rows = [
    [title, ...figures],
    ...all.map((rounds) => [
      rounds.subject,
      ...figures.map((figure) =>
        rounds.of(figure).length > 0 ? described(rounds, figure, base) : '',
      ),
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  console.log('');
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
  }
}
