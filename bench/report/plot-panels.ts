/** Small multiples: a panel for each condition, in each a bar for each system, all on one logarithmic scale. */
import { number } from './format.ts';
import type { Spread } from './statistics.ts';
import {
  bar,
  legible,
  line,
  logarithmic,
  logDomain,
  logTicks,
  MARGIN,
  page,
  text,
  whisker,
  widthOfText,
  type Tone,
} from './svg.ts';

export interface Bar {
  readonly label: string;
  readonly tone: Tone;
  readonly spread: Spread;
  /** Behind the number: how it compares. */
  readonly note?: string;
}

export interface Panel {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

export interface PanelsPlot {
  readonly title: string;
  readonly subtitle: string;
  readonly desc: string;
  readonly footer: string;
  readonly columns: number;
  /** Row by row. */
  readonly panels: readonly Panel[];
  readonly tick: (value: number) => string;
}

const WIDTH = 960;
const GAP = 36;
const BAR = 15;
const STEP = 23;

export function panelsPlot(plot: PanelsPlot): string {
  const { title, subtitle, desc, footer, columns, panels, tick } = plot;
  const all = panels.flatMap(({ bars }) => bars.map(({ spread }) => spread));
  const [least, most] = logDomain(all.flatMap(({ low, high }) => [low, high]));
  const domain = [10 ** Math.floor(Math.log10(least)), most] as const;
  const width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns;
  const names = Math.max(
    ...panels.flatMap(({ bars }) =>
      bars.map(({ label }) => widthOfText(label, { size: 13, strong: true })),
    ),
  );
  const values = Math.max(
    ...panels.flatMap(({ bars }) =>
      bars.map((one) => widthOfText(valueOf(one), { size: 12, strong: true })),
    ),
  );
  const [start, end] = [names + 8, width - values - 12];
  const ticks = logTicks(domain[0], domain[1]).filter((value) => /^10*$/.test(`${value}`));
  const rows = Math.max(...panels.map(({ bars }) => bars.length));
  const panelHeight = 34 + rows * STEP + 30;
  const body = panels.flatMap(({ heading, bars }, i) => {
    const left = MARGIN + (i % columns) * (width + GAP);
    const top = Math.floor(i / columns) * panelHeight + 8;
    const x = logarithmic(domain, [left + start, left + end]);
    const floor = top + 24 + rows * STEP;
    return [
      text(left, top + 8, heading, { strong: true, size: 13 }),
      ...legible(ticks, x, tick).flatMap((value) => [
        line('grid', [x(value), top + 20], [x(value), floor]),
        text(x(value), floor + 14, tick(value), { anchor: 'middle', size: 11, ink: 'soft' }),
      ]),
      ...bars.flatMap((one, n) => {
        const y = top + 24 + n * STEP;
        const [low, high] = [x(one.spread.low), x(one.spread.high)];
        const strong = one.tone === 'push';
        const name = { anchor: 'end', size: 13, strong, ink: `${one.tone}-ink` } as const;
        return [
          text(left + start - 8, y + BAR - 3, one.label, name),
          bar(one.tone, left + start, y, x(one.spread.median) - left - start, BAR),
          whisker(low, high, y + BAR / 2),
          text(high + 8, y + BAR - 3, valueOf(one), { size: 12, strong, halo: true }),
        ];
      }),
      line('axis', [left + start, top + 20], [left + start, floor]),
    ];
  });
  const height = Math.ceil(panels.length / columns) * panelHeight;
  return page({ title, subtitle, desc, width: WIDTH, height, body, footer });
}

function valueOf({ spread, note }: Bar): string {
  return note === undefined ? number(spread.median) : `${number(spread.median)}  ${note}`;
}
