/** Figures as Markdown tables. */
import type { Conditions, Result, Series } from '../lib/result.ts';
import { conditionsText, type Ratio } from './figures.ts';
import { timesWithSpread, withSpread } from './format.ts';
import { spreadOf } from './statistics.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** All figures of a result: one table when all is under the same conditions, else one for each figure. */
export function seriesTables({ series }: Result): string[] {
  const settings = once(series.map(({ conditions }) => conditionsText(conditions)));
  if (settings.length === 1) {
    const [setting = ''] = settings;
    const under = setting === '' ? [] : [`Under: ${setting}.`];
    return [...under, pivot(series, 'figure', ({ figure, unit }) => `${figure}, ${unit}`)];
  }
  return once(series.map(titleOf)).flatMap((title) => {
    const own = series.filter((one) => titleOf(one) === title);
    const columnOf = columnsOf(own.map(({ conditions }) => conditions));
    return [`**${title}**`, pivot(own, title, ({ conditions }) => columnOf(conditions))];
  });
}

/** A row for each subject, a column for each text that `columnOf` gives; turned round where it would be too wide. */
function pivot(
  series: readonly Series[],
  corner: string,
  columnOf: (series: Series) => string,
): string {
  const subjects = once(series.map(({ subject }) => subject));
  const columns = once(series.toSorted(byConditions).map(columnOf));
  const cell = (subject: string, column: string): string => {
    const own = series.find((one) => one.subject === subject && columnOf(one) === column);
    return own ? withSpread(spreadOf(own.rounds), own.unit) : '';
  };
  if (columns.length > 6 && subjects.length < columns.length) {
    const rows = columns.map((column) => [column, ...subjects.map((one) => cell(one, column))]);
    return table([corner === 'figure' ? 'figure' : '', ...subjects], rows);
  }
  const rows = subjects.map((subject) => [subject, ...columns.map((one) => cell(subject, one))]);
  return table(['', ...columns], rows);
}

/** A row for each pair, a column for each set of conditions where there are several. */
export function ratioTable(ratios: readonly Ratio[]): string {
  const nameOf = ({ figure, of, over }: Ratio): string => `${figure}: ${of} / ${over}`;
  const columnOf = columnsOf(ratios.map(({ conditions }) => conditions));
  const columns = once(ratios.toSorted(byConditions).map(({ conditions }) => columnOf(conditions)));
  const rows = once(ratios.map(nameOf)).map((name) => [
    name,
    ...columns.map((column) => {
      const own = ratios.find(
        (ratio) => nameOf(ratio) === name && columnOf(ratio.conditions) === column,
      );
      return own ? timesWithSpread(own.spread) : '';
    }),
  ]);
  return table(['ratio', ...columns.map((column) => column || 'round by round')], rows);
}

/** Names conditions by what is not the same in all of them. */
function columnsOf(all: readonly Conditions[]): (conditions: Conditions) => string {
  const varies = (name: string): boolean =>
    new Set(all.map((conditions) => conditions[name])).size > 1;
  return (conditions) =>
    conditionsText(Object.fromEntries(Object.entries(conditions).filter(([name]) => varies(name))));
}

type Conditioned = Pick<Series, 'conditions'>;

/** By each condition in turn, numbers by size; what has no such condition comes first. */
function byConditions({ conditions: a }: Conditioned, { conditions: b }: Conditioned): number {
  for (const name of Object.keys(a)) {
    const [mine, theirs] = [a[name], b[name]];
    if (mine === theirs) continue;
    return typeof mine === 'number' && typeof theirs === 'number'
      ? mine - theirs
      : String(mine).localeCompare(String(theirs));
  }
  return 0;
}

function titleOf({ figure, unit }: Series): string {
  return `${figure}, ${unit}`;
}

export function once(values: readonly string[]): string[] {
  return [...new Set(values)];
}
