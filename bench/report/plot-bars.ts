/** Amounts from zero: a bar for each system, and a line where a target is. */
import { number } from './format.ts';
import type { Spread } from './statistics.ts';
import {
  bar,
  line,
  linear,
  linearTicks,
  MARGIN,
  page,
  text,
  whisker,
  widthOfText,
  type Tone,
} from './svg.ts';

export interface Amount {
  readonly label: string;
  readonly tone: Tone;
  readonly spread: Spread;
  readonly note?: string;
}

export interface BarsPlot {
  readonly title: string;
  readonly subtitle: string;
  readonly desc: string;
  readonly footer: string;
  readonly amounts: readonly Amount[];
  readonly unit: string;
  /** A line across, with its name. */
  readonly mark?: { readonly at: number; readonly name: string };
}

const WIDTH = 960;
const STEP = 44;
const BAR = 26;

export function barsPlot(plot: BarsPlot): string {
  const { title, subtitle, desc, footer, amounts, unit, mark } = plot;
  const left =
    MARGIN + Math.max(...amounts.map(({ label }) => widthOfText(label, { strong: true }))) + 12;
  const valueOf = ({ spread, note }: Amount): string =>
    [`${number(spread.median)} ${unit}`, ...(note === undefined ? [] : [note])].join(', ');
  const right =
    WIDTH -
    MARGIN -
    Math.max(...amounts.map((one) => widthOfText(valueOf(one), { size: 13, strong: true }))) -
    14;
  const ticks = linearTicks(Math.max(mark?.at ?? 0, ...amounts.map(({ spread }) => spread.high)));
  const x = linear([0, ticks.at(-1) ?? 1], [left, right]);
  const floor = 22 + amounts.length * STEP;
  const body = [
    ...ticks.flatMap((tick) => [
      line(tick === 0 ? 'axis' : 'grid', [x(tick), 16], [x(tick), floor]),
      text(x(tick), floor + 18, `${tick}`, { anchor: 'middle', size: 12, ink: 'soft' }),
    ]),
    ...amounts.map(({ tone, spread }, i) =>
      bar(tone, left, topOf(i), x(spread.median) - left, BAR),
    ),
    ...(mark
      ? [
          line('axis', [x(mark.at), 12], [x(mark.at), floor]),
          text(x(mark.at), 6, mark.name, { anchor: 'middle', size: 12, ink: 'soft' }),
        ]
      : []),
    ...amounts.flatMap((one, i) => {
      const { label, tone, spread } = one;
      const y = topOf(i);
      const strong = tone === 'push';
      return [
        text(left - 12, y + 18, label, { anchor: 'end', strong, ink: `${tone}-ink` }),
        whisker(x(spread.low), x(spread.high), y + BAR / 2),
        text(x(spread.high) + 10, y + 18, valueOf(one), { size: 13, strong, halo: true }),
      ];
    }),
  ];
  return page({ title, subtitle, desc, width: WIDTH, height: floor + 24, body, footer });
}

function topOf(row: number): number {
  return 26 + row * STEP;
}
