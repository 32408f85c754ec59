/** Latency against round-trip time: a line for each way, its name at its end. */
import { number } from './format.ts';
import type { Spread } from './statistics.ts';
import { apart, dot, linear, legible, linearTicks, line, page, text, type Tone } from './svg.ts';

export interface Line {
  readonly label: string;
  /** Behind the label: what its slope says. */
  readonly note: string;
  readonly tone: Tone;
  /** In ascending order of x. */
  readonly points: readonly { readonly x: number; readonly y: Spread }[];
}

export interface LinesPlot {
  readonly title: string;
  readonly subtitle: string;
  readonly desc: string;
  readonly footer: string;
  readonly lines: readonly Line[];
  readonly xLabel: string;
  readonly unit: string;
}

const WIDTH = 960;
const LEFT = 92;
const RIGHT = 660;
const TOP = 14;
const BOTTOM = 400;

export function linesPlot(plot: LinesPlot): string {
  const { title, subtitle, desc, footer, lines, xLabel, unit } = plot;
  const points = lines.flatMap((one) => one.points);
  const xs = [...new Set(points.map((point) => point.x))].toSorted((a, b) => a - b);
  const ticks = linearTicks(Math.max(...points.map(({ y }) => y.high)));
  const x = linear([0, xs.at(-1) ?? 1], [LEFT, RIGHT]);
  const y = linear([0, ticks.at(-1) ?? 1], [BOTTOM, TOP]);
  const ends = lines.map((one) => y(one.points.at(-1)?.y.median ?? 0));
  const labels = apart(ends, 36, BOTTOM + 4);
  const body = [
    ...ticks.flatMap((tick) => [
      line(tick === 0 ? 'axis' : 'grid', [LEFT, y(tick)], [RIGHT, y(tick)]),
      text(LEFT - 10, y(tick) + 4, `${tick.toLocaleString('en-US')} ${unit}`, {
        ...{ anchor: 'end', size: 12, ink: 'soft' },
      }),
    ]),
    ...legible(xs, x, (tick) => `${tick}`).map((tick) =>
      text(x(tick), BOTTOM + 20, `${tick}`, { anchor: 'middle', size: 12, ink: 'soft' }),
    ),
    text((LEFT + RIGHT) / 2, BOTTOM + 42, xLabel, { anchor: 'middle', size: 12, ink: 'soft' }),
    // The first line is the message: drawn last, it lies on top.
    ...lines.flatMap((one, i) => drawn(one, ends[i] ?? 0, labels[i] ?? 0)).toReversed(),
  ];
  return page({ title, subtitle, desc, width: WIDTH, height: BOTTOM + 46, body, footer });

  function drawn({ label, note, tone, points: own }: Line, end: number, at: number): string[] {
    const path = own.map((point) => `${x(point.x).toFixed(1)} ${y(point.y.median).toFixed(1)}`);
    const last = own.at(-1)?.y.median ?? 0;
    return [
      `<path class="${tone}-line" d="M${path.join('L')}"/>`,
      ...own.map((point) => dot(tone, x(point.x), y(point.y.median), 4)),
      ...own.map((point) =>
        line('whisker', [x(point.x), y(point.y.low)], [x(point.x), y(point.y.high)]),
      ),
      line('leader', [RIGHT + 8, end], [RIGHT + 24, at - 4]),
      text(RIGHT + 30, at, label, { strong: true, ink: `${tone}-ink` }),
      text(RIGHT + 30, at + 16, `${number(last)} ${unit}, ${note}`, { size: 12, ink: 'soft' }),
    ];
  }
}
