/** What the report says of layers that are open and silent, and of many devices at once. */
import type { Chapter, Drawn, Headline } from '../chapter.ts';
import type { Figures } from '../figures.ts';
import { footerOf } from '../footer.ts';
import { number, short, withSpread } from '../format.ts';
import { barsPlot, type Amount } from '../plot-bars.ts';
import { spreadOf } from '../statistics.ts';
import { againstAll, toneOf } from '../../systems/looks.ts';

const MEMORY = 'RSS per connection';
/** KiB, all state. */
const TARGET = 30;

export const idle: Chapter = {
  name: 'idle',
  title: 'Side by side: idle layers',
  comparisons: againstAll([{ figure: MEMORY, better: 'lower' }]),
  targets: [
    {
      what: 'memory per idle layer, all state',
      ...{ figure: MEMORY, of: 'gba-push', better: 'lower', target: TARGET },
      floor: 'bare Node TLS',
      bound:
        'The TLS socket of Node, with the buffers of OpenSSL and the objects around them (the bare server has nothing ' +
        'else); on top of it the association, the channel and the registration.',
    },
  ],
  plots: [{ name: 'memory', draw: drawMemory }],
  headlines: headlinesOf,
};

function headlinesOf(figures: Figures): Headline[] {
  const kib = (subject: string): number | undefined =>
    figures.median({ in: 'idle', subject, figure: MEMORY });
  const own = figures.spread({ in: 'idle', subject: 'gba-push', figure: MEMORY });
  if (own === undefined) return [];
  const beside = ['Mosquitto', 'bare Node TLS', 'aedes'].flatMap((subject) => {
    const theirs = kib(subject);
    return theirs === undefined ? [] : [`${subject} ${number(theirs)}`];
  });
  return [['memory of an idle layer', `${withSpread(own, 'KiB')} KiB`, beside.join(', ')]];
}

function drawMemory(figures: Figures): Drawn | undefined {
  const result = figures.result('idle');
  const all = figures.all({ in: 'idle', figure: MEMORY });
  const devices = Number(all[0]?.conditions['devices'] ?? 0).toLocaleString('en-US');
  const own = all.find(({ subject }) => subject === 'gba-push');
  if (result === undefined || own === undefined || all.length < 2) return undefined;
  const amounts = all
    .filter(({ subject }) => !subject.includes(' --') || subject.startsWith('gba-push'))
    .map(({ subject, rounds }): Amount => {
      const [label = subject, flags] = subject.split(' --');
      const looks = { tone: toneOf(subject), spread: spreadOf(rounds) };
      return { label, ...looks, ...(flags !== undefined && { note: `with --${flags}` }) };
    })
    .toSorted((a, b) => a.spread.median - b.spread.median);
  const mine = spreadOf(own.rounds).median;
  const rival = all.find(({ subject }) => subject === 'Mosquitto');
  const beside = rival ? `, one of Mosquitto ${short(spreadOf(rival.rounds).median, 'KiB')}` : '';
  const title = `An idle layer of gba-push keeps ${short(mine, 'KiB')}${beside}`;
  const svg = barsPlot({
    ...{ title, footer: footerOf(result), amounts, unit: 'KiB' },
    desc: amounts.map(({ label, spread }) => `${label}: ${short(spread.median)} KiB`).join('; '),
    subtitle: `By how much the resident memory of the server grows, for each of ${devices} connections, KiB.`,
    mark: { at: TARGET, name: `target ${TARGET}` },
  });
  return { alt: title, svg };
}
