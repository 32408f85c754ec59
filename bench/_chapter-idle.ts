/** What the report says of layers that are open and silent, and of many devices at once. */
import type { Chapter, Drawn } from './report/chapter.ts';
import type { Figures } from './report/figures.ts';
import { footerOf } from './report/footer.ts';
import { short } from './report/format.ts';
import { barsPlot, type Amount } from './report/plot-bars.ts';
import { spreadOf } from './report/statistics.ts';
import { toneOf } from './_looks.ts';

const MEMORY = 'memory per idle layer';
const HEAP = 'heap per idle layer';
/** KiB, all state. */
const TARGET = 30;

export const idle: Chapter = {
  name: 'idle',
  title: 'Side by side: idle layers',
  comparisons: [
    { figure: MEMORY, of: 'gba-push', over: 'Mosquitto', better: 'lower', against: 'rival' },
    { figure: MEMORY, of: 'gba-push', over: 'aedes', better: 'lower', against: 'rival' },
    { figure: MEMORY, of: 'gba-push', over: 'bare Node TLS', better: 'lower', against: 'floor' },
  ],
  targets: [
    {
      what: 'memory per idle layer, all state',
      ...{ figure: MEMORY, of: 'gba-push', better: 'lower', target: TARGET },
      bound:
        'The TLS socket of Node, with the buffers of OpenSSL and the objects around them, is most of it (see the bare ' +
        'server); ours are the association, the channel and the registration.',
    },
  ],
  plots: [{ name: 'memory', draw: drawMemory }],
};

function drawMemory(figures: Figures): Drawn | undefined {
  const result = figures.result('idle');
  const all = figures.all({ in: 'idle', figure: MEMORY });
  const most = Math.max(...all.map(({ conditions }) => Number(conditions['layers'] ?? 0)));
  const here = all.filter(({ conditions }) => Number(conditions['layers'] ?? 0) === most);
  const own = here.find(({ subject }) => subject === 'gba-push');
  if (result === undefined || own === undefined || here.length < 2) return undefined;
  const amounts = here
    .map(({ subject, rounds, conditions }): Amount => {
      const where = { in: 'idle', subject, figure: HEAP, where: conditions };
      const heap = figures.median(where);
      const part = heap === undefined ? {} : { part: { name: 'heap', amount: heap } };
      return { label: subject, tone: toneOf(subject), spread: spreadOf(rounds), ...part };
    })
    .toSorted((a, b) => a.spread.median - b.spread.median);
  const mine = spreadOf(own.rounds).median;
  const rival = here.find(({ subject }) => subject === 'Mosquitto');
  const beside = rival ? `, one of Mosquitto ${short(spreadOf(rival.rounds).median, 'KiB')}` : '';
  const title = `An idle layer of gba-push keeps ${short(mine, 'KiB')}${beside}`;
  const svg = barsPlot({
    ...{ title, footer: footerOf(result), amounts, unit: 'KiB' },
    desc: amounts.map(({ label, spread }) => `${label}: ${short(spread.median)} KiB`).join('; '),
    subtitle:
      `Growth of the server's resident memory for each of ${most.toLocaleString('en-US')} open layers, KiB; ` +
      'the dark part is JavaScript heap.',
    mark: { at: TARGET, name: `target ${TARGET}` },
  });
  return { alt: title, svg };
}
