/** What the report says of bench/modes.ts: one push at a time, by every way that there is. */
import { inMs, labelOf, wayOf } from '../../ways/ways.ts';
import type { Chapter, Drawn, Headline } from '../chapter.ts';
import { conditionsText, type Figures } from '../figures.ts';
import { list, number, short, times, timesWithSpread, withSpread } from '../format.ts';
import { footerOf } from '../footer.ts';
import { distributionPlot, type Row } from '../plot-distribution.ts';
import { spreadOf, widthOf } from '../statistics.ts';

const own = { over: 'reuse', against: 'own', better: 'lower' } as const;

export const modes: Chapter = {
  name: 'modes',
  title: 'One push at a time, by every way',
  comparisons: [
    { figure: 'p50', ...own },
    { figure: 'NAF CPU', ...own },
    { figure: 'UE CPU', ...own },
  ],
  targets: ['p50', 'NAF CPU'].map((figure) => ({
    what: `${figure}, reconnect against reuse`,
    ...{ figure, of: 'reconnect 1.3 X25519', over: own.over, better: own.better },
    bound:
      'Reuse is one CoAP request and its answer. Reconnect is a TCP connection, a TLS handshake with ' +
      'an X25519 exchange at both ends, the registration of the UE, and then the same request.',
  })),
  unflattering: [resumptionSavesNothing, tailIsWide],
  surprising: [octetsOfWays, cpuOfReuse],
  plots: [{ name: 'latency-modes', draw: drawModes }],
  headlines: headlinesOf,
};

function headlinesOf(figures: Figures): Headline[] {
  const shown = {
    reuse: 'a push over the open layer',
    'reconnect 1.3 X25519': 'a new TLS 1.3 handshake under the same key, then the push',
    'bootstrap, BSF inside': 'a new key out of the SIM, a handshake, then the push',
  };
  return Object.entries(shown).flatMap(([subject, what]): Headline[] => {
    const series = figures.one({ in: 'modes', subject, figure: 'p50' });
    if (series === undefined) return [];
    const ratio = (figure: string): string | undefined => {
      const [found] = figures.ratios('modes', { figure, of: subject, ...own });
      return found && times(found.spread.median);
    };
    const [time, cpu] = [ratio('p50'), ratio('NAF CPU')];
    const beside =
      time === undefined ? '' : `${time} the time${cpu ? `, ${cpu} the NAF's CPU` : ''}`;
    return [[what, `${withSpread(spreadOf(inMs(series).rounds), 'ms')} ms`, beside]];
  });
}

/** Told while a resumed 1.2 handshake takes as many round trips as a fresh one of 1.3. */
function resumptionSavesNothing(figures: Figures): string | undefined {
  const trips = (subject: string): number | undefined =>
    figures.median({ in: 'modes', subject, figure: 'round trips' });
  const [fresh, resumed] = [trips('reconnect 1.3 X25519'), trips('resume 1.2')];
  if (fresh === undefined || resumed === undefined || fresh > resumed) return undefined;
  return (
    `**Resumption is worth nothing in TLS 1.3.** A fresh handshake under the association's key takes ` +
    `${number(fresh)} round trips until the push is answered, a resumed one of TLS 1.2 takes ${number(resumed)}: ` +
    'there is no round trip left to save, since a resumed TLS 1.3 handshake is the same PSK handshake. So it is not offered.'
  );
}

/** Told when p99 is both far away and restless, while the median is steady. */
function tailIsWide(figures: Figures): string | undefined {
  const p50 = figures.spread({ in: 'modes', subject: 'reuse', figure: 'p50' });
  const p99 = figures.spread({ in: 'modes', subject: 'reuse', figure: 'p99' });
  if (!p50 || !p99 || p99.median < 2 * p50.median || widthOf(p99) < 1.2 * widthOf(p50)) {
    return undefined;
  }
  return (
    `**The tail is not ours to promise.** Over the open layer p99 is ${times(p99.median / p50.median)} the median, and from ` +
    `round to round it moves by a factor of ${widthOf(p99).toFixed(1)} where the median moves by ${widthOf(p50).toFixed(1)}: ` +
    'what moves between rounds of the same code is set by the machine and its neighbours, so nothing here rests on p99.'
  );
}

function octetsOfWays(figures: Figures): string | undefined {
  const octets = (subject: string): number | undefined => {
    const ways = ['octets to the UE', 'octets to the NAF'].map((figure) =>
      figures.median({ in: 'modes', subject, figure }),
    );
    return ways[0] === undefined || ways[1] === undefined ? undefined : ways[0] + ways[1];
  };
  const [reuse, reconnect] = [octets('reuse'), octets('reconnect 1.3 X25519')];
  if (reuse === undefined || reconnect === undefined || reconnect < 2 * reuse) return undefined;
  return `A push over the open layer is ${number(reuse)} octets on the wire, both ways together; with a new handshake it is ${number(reconnect)}, ${times(reconnect / reuse)} as many.`;
}

/** Told when the CPU says more against a new handshake than the clock does. */
function cpuOfReuse(figures: Figures): string | undefined {
  const [clock, cpu] = (['p50', 'NAF CPU'] as const).map(
    (figure) => figures.ratios('modes', { figure, of: 'reconnect 1.3 X25519', ...own })[0]?.spread,
  );
  if (!clock || !cpu || cpu.median <= clock.median) return undefined;
  return `What reuse saves is CPU before it is time: on loopback a reconnect takes ${timesWithSpread(clock)} as long as a reuse, and ${timesWithSpread(cpu)} the NAF's CPU.`;
}

function drawModes(figures: Figures): Drawn | undefined {
  const result = figures.result('modes');
  const rows = figures
    .all({ in: 'modes', figure: 'p50' })
    .flatMap((p50) => {
      const { subject, conditions } = p50;
      const same = figures
        .all({ in: 'modes', subject })
        .filter((one) => conditionsText(one.conditions) === conditionsText(conditions));
      const shape = same.find(({ percentiles }) => percentiles !== undefined);
      const percentiles = shape && inMs(shape).percentiles;
      if (percentiles === undefined) return [];
      return [{ ...labelOf(p50), percentiles, p50: inMs(p50) }];
    })
    .filter(({ label }, i, all) => all.findIndex((row) => row.label === label) === i)
    .toSorted((a, b) => medianOf(a) - medianOf(b));
  const [first, ...others] = rows;
  if (result === undefined || first === undefined || others.length === 0) return undefined;
  const slower = ['reconnect 1.3', 'bootstrap'].flatMap((prefix) => {
    const row = others.find(({ label }) => label.startsWith(prefix));
    const what = prefix === 'bootstrap' ? 'with a new key' : 'a new handshake';
    return row ? [`${what} ${short(timesOf(row, first))} times as long`] : [];
  });
  const title =
    `A push ${wayOf({ subject: first.label }).about} takes ${short(medianOf(first), 'ms')}` +
    (slower.length > 0 ? `, with ${list(slower)}` : '');
  const desc = rows.map((row) => `${row.label}: median ${number(medianOf(row))} ms`).join('; ');
  return { alt: title, svg: distributionPlot({ title, desc, footer: footerOf(result), rows }) };
}

/** Round by round, as everywhere. */
function timesOf({ p50 }: Pick<Row, 'p50'>, first: Pick<Row, 'p50'>): number {
  return spreadOf(p50.rounds.map((ms, round) => ms / (first.p50.rounds[round] ?? NaN))).median;
}

function medianOf({ p50 }: Pick<Row, 'p50'>): number {
  return spreadOf(p50.rounds).median;
}
