/** How latencies are spread: a row for each way, twenty dots a row, each for one push in twenty. */
import type { Series } from '../lib/result.ts';
import { number } from './format.ts';
import { spreadOf } from './statistics.ts';
import {
  dot,
  legible,
  line,
  logDomain,
  logarithmic,
  logTicks,
  MARGIN,
  page,
  text,
  type Tone,
} from './svg.ts';

export interface Row {
  readonly label: string;
  /** Beneath the label: what this way does. */
  readonly about: string;
  readonly tone: Tone;
  /** Of all rounds, ms. */
  readonly percentiles: readonly number[];
  readonly p50: Pick<Series, 'rounds'>;
}

export interface DistributionPlot {
  readonly title: string;
  readonly desc: string;
  readonly footer: string;
  /** From the fastest to the slowest. */
  readonly rows: readonly Row[];
}

const WIDTH = 960;
const LEFT = 262;
const RIGHT = 742;
const RADIUS = 4;
const DOTS = 20;
const ROW_LEAST = 58;

export function distributionPlot({ title, desc, footer, rows }: DistributionPlot): string {
  const dots = rows.map(({ percentiles }) => quantiles(percentiles));
  const all = [...dots.flat(), ...rows.map(({ percentiles }) => percentiles[99] ?? 0)];
  const domain = logDomain(all);
  const x = logarithmic(domain, [LEFT, RIGHT]);
  const stacks = dots.map((values) => stacked(values.map(x)));
  const heights = stacks.map((stack) =>
    Math.max(ROW_LEAST, Math.max(...stack.map(({ level }) => level + 1)) * 2 * RADIUS + 22),
  );
  const height = heights.reduce((sum, one) => sum + one, 34);
  const body = [
    ...legible(logTicks(domain[0], domain[1]), x, (tick) => `${tick} ms`).flatMap((tick) => [
      line('grid', [x(tick), 18], [x(tick), height - 16]),
      text(x(tick), height + 4, `${tick} ms`, { anchor: 'middle', size: 12, ink: 'soft' }),
    ]),
    text(818, 6, 'median', { anchor: 'end', size: 12, ink: 'soft' }),
    text(WIDTH - MARGIN, 6, '99 in 100', { anchor: 'end', size: 12, ink: 'soft' }),
  ];
  let bottom = 18;
  for (const [i, row] of rows.entries()) {
    bottom += heights[i] ?? 0;
    const [p50, p99] = [spreadOf(row.p50.rounds).median, row.percentiles[99] ?? 0];
    const ink = `${row.tone}-ink` as const;
    body.push(
      line('axis', [LEFT, bottom], [RIGHT, bottom]),
      text(MARGIN, bottom - 20, row.label, { strong: true, ink }),
      text(MARGIN, bottom - 3, row.about, { size: 12, ink: 'soft' }),
      ...(stacks[i] ?? []).map(({ at, level }) =>
        dot(row.tone, at, bottom - RADIUS - 1 - level * 2 * RADIUS, RADIUS - 0.5),
      ),
      line('whisker', [x(p99), bottom - 9], [x(p99), bottom + 1]),
      text(818, bottom - 6, `${number(p50)} ms`, { anchor: 'end', strong: true, ink }),
      text(WIDTH - MARGIN, bottom - 6, `${number(p99)} ms`, { anchor: 'end', ink: 'soft' }),
    );
  }
  const subtitle =
    'Each dot is one push in twenty, the tick is what 99 in 100 stay below. Logarithmic scale.';
  return page({ title, subtitle, desc, width: WIDTH, height, body, footer });
}

/** The middle of each twentieth. */
function quantiles(percentiles: readonly number[]): number[] {
  return Array.from(
    { length: DOTS },
    (_, i) => percentiles[Math.round(((i + 0.5) * 100) / DOTS)] ?? NaN,
  );
}

/** Dots that would lie over one another are put on top of one another. */
function stacked(places: readonly number[]): { at: number; level: number }[] {
  let [from, level] = [-Infinity, 0];
  return places.map((place) => {
    if (place < from + 2 * RADIUS) level += 1;
    else [from, level] = [place, 0];
    return { at: from, level };
  });
}
