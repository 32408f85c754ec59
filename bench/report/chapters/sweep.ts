/** What the report says of bench/sweep.ts: the same ways over networks with a delay, and with losses. */
import { inMs, labelOf } from '../../ways/ways.ts';
import type { Chapter, Drawn } from '../chapter.ts';
import type { Figures } from '../figures.ts';
import { footerOf } from '../footer.ts';
import { list, number, short } from '../format.ts';
import { linesPlot, type Line } from '../plot-lines.ts';
import { slopeOf, spreadOf } from '../statistics.ts';

const ROUND_TRIP = 'round trip, ms';
const LOSS = 'loss, %';
/** In the title, the first of each. */
const TOLD = ['reuse', 'reconnect 1.3 X25519', 'bootstrap'];

export const sweep: Chapter = {
  name: 'sweep',
  title: 'Over a network with a delay',
  comparisons: [{ figure: 'p50', over: 'reuse', against: 'own', better: 'lower' }],
  unflattering: [lossHurts],
  surprising: [slopesAreRoundTrips],
  plots: [{ name: 'latency-round-trip', draw: drawSweep }],
};

/** One line for each way that was measured without loss at two round trips or more; of suites the first. */
function linesOf(figures: Figures): (Line & { readonly slope: number })[] {
  const series = figures
    .all({ in: 'sweep', figure: 'p50' })
    .filter(({ conditions }) => !conditions[LOSS] && typeof conditions[ROUND_TRIP] === 'number');
  return [...new Set(series.map(({ subject }) => subject))]
    .flatMap((subject) => {
      const points = series
        .filter((one) => one.subject === subject)
        .map((one) => ({ x: Number(one.conditions[ROUND_TRIP]), y: spreadOf(inMs(one).rounds) }))
        .toSorted((a, b) => a.x - b.x);
      if (points.length < 2) return [];
      const slope = slopeOf(points.map(({ x, y }) => [x, y.median]));
      const note = trips(slope);
      const { label, tone } = labelOf({ subject });
      return [{ label, note, tone, points, slope }];
    })
    .filter(({ label }, i, all) => all.findIndex((one) => one.label === label) === i);
}

function slopesAreRoundTrips(figures: Figures): string | undefined {
  const lines = linesOf(figures);
  if (lines.length < 2) return undefined;
  const told = [...new Set(lines.map(({ note }) => note))].map((note) => {
    const own = lines.filter((one) => one.note === note).map(({ label }) => `\`${label}\``);
    return `${note} by ${list(own)}`;
  });
  return `How much longer a push takes for each millisecond of round trip says how many of them it waits for: ${told.join('; ')}.`;
}

/** Told when a loss of some packets costs reuse more than half of its median, or multiplies its p99. */
function lossHurts(figures: Figures): string | undefined {
  const told = figures
    .all({ in: 'sweep', subject: 'reuse', figure: 'p99' })
    .filter(({ conditions }) => Number(conditions[LOSS] ?? 0) > 0)
    .flatMap((lossy) => {
      const { [LOSS]: loss = 0, ...rest } = lossy.conditions;
      const without = figures
        .all({ in: 'sweep', subject: 'reuse', figure: 'p99', where: rest })
        .find(({ conditions }) => !conditions[LOSS]);
      if (without === undefined) return [];
      const factor = spreadOf(lossy.rounds).median / spreadOf(without.rounds).median;
      const at = rest[ROUND_TRIP] === undefined ? '' : ` at ${rest[ROUND_TRIP]} ms`;
      return factor > 1.5 ? [`${number(factor)} times at a loss of ${loss} %${at}`] : [];
    });
  if (told.length === 0) return undefined;
  return `**A lost segment holds up what comes behind it.** p99 over the open layer, by that without loss: ${list(told)}. It is TCP that waits and sends again; a datagram would not wait for its neighbours.`;
}

function drawSweep(figures: Figures): Drawn | undefined {
  const result = figures.result('sweep');
  const lines = linesOf(figures).toSorted((a, b) => a.slope - b.slope);
  const told = lines.filter((one, i) => {
    const same = TOLD.find((prefix) => one.label.startsWith(prefix));
    return same !== undefined && i === lines.findIndex(({ label }) => label.startsWith(same));
  });
  const [first, ...others] = told;
  if (result === undefined || first === undefined || others.length === 0) return undefined;
  const ends = told.map(({ points }) => points.at(-1));
  const waits = others.map(({ label, note }) => `${brief(label)} for ${count(note)}`);
  const title =
    `${capital(brief(first.label))} waits for ${first.note}, ${list(waits)}: at ` +
    `${short(ends[0]?.x ?? NaN, 'ms')} each that is ${list(ends.map((end) => short(end?.y.median ?? NaN, 'ms')))}`;
  const desc = lines.map(({ label, note }) => `${label}: ${note}`).join('; ');
  const svg = linesPlot({
    ...{ title, desc, footer: footerOf(result), lines },
    subtitle:
      'Until the receipt; resume and reconnect from the connection of the device on. Median and spread.',
    xLabel: 'round-trip time between NAF and device, ms',
    unit: 'ms',
  });
  return { alt: title, svg };
}

/** `1 round trip`, `2.4 round trips`; whole where it is nearly so. */
function trips(slope: number): string {
  const whole = Math.abs(slope - Math.round(slope)) < 0.08;
  const count = whole ? `${Math.round(slope)}` : slope.toFixed(1);
  return `${count} round ${count === '1' ? 'trip' : 'trips'}`;
}

/** `2` of `2 round trips`. */
function count(note: string): string {
  return note.split(' ', 1)[0] ?? note;
}

/** Without what a comma sets apart. */
function brief(label: string): string {
  return label.split(',', 1)[0] ?? label;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
