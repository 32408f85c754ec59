/**
 * What a push takes by every way that there is, one in flight: over the layer that is open, after a new
 * handshake, from nothing. NAFs, UEs and the BSF are processes of their own; the ways take turns.
 *
 *   node --import=ts-blank-space/register bench/modes.ts [--quick] [--rounds N] [--samples N] [--reuses N]
 *
 * Every time ends with the receipt at the NAF: the UE's handler is done, and the NAF knows. It begins, for
 *
 *   reuse, bootstrap    with the push;
 *   resume, reconnect   with the UE's TCP connection at the NAF. The layer was ended before, and a UE pauses
 *                       before it dials again, 50 to 100 ms here: `p50, with the pause` counts from the push;
 *   UE-initiated        when the UE turns to its BSF over Ub; a push waits for its layer meanwhile.
 *
 * CPU is that of the whole process: of the NAF from the push to the receipt, of the UE from the first thing
 * that it hears or does until it has answered. Times and CPU are taken without a relay. Octets, round trips
 * and handshakes are those of the same ways through one that holds everything for 10 ms each way, so that
 * flights are told apart.
 */
import { parseArgs } from 'node:util';
import { countWays, HELD_MS } from './ways/modes-count.ts';
import { openScene } from './ways/modes.ts';
import { kindsOf, sample, SKIPPED, WAYS, type Taken } from './ways/modes-ways.ts';
import { distribution, saveResult, type Series, type Unit } from './lib/result.ts';
import { machine, number, quantile, spread } from './lib/run.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    samples: { type: 'string' },
    reuses: { type: 'string', default: '50' },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 3 : 7));
const samples = Number(values.samples ?? (values.quick ? 4 : 15));
const reuses = Number(values.reuses);
/** The code of a handshake is compiled after some dozens of them at each end. */
const WARM_UPS = values.quick ? 3 : 8;

/** Of each way, what it took in each round. */
const results = new Map(WAYS.map((way) => [way, [] as Taken[][]]));
const scene = await openScene({ kinds: kindsOf(WAYS), relayed: false });
for (let round = -1; round < rounds; round += 1) {
  for (const all of results.values()) if (round >= 0) all.push([]);
  for (let i = 0; i < (round < 0 ? WARM_UPS : samples); i += 1) {
    for (const pair of scene.pairs) {
      await sample(pair, WAYS, reuses, (way, taken) => {
        if (round >= 0) results.get(way)?.at(-1)?.push(taken);
      });
    }
  }
}
await scene.close();
const counted = await countWays(WAYS, reuses);

const QUANTILES = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 } as const;
const WITH_PAUSE = ', with the pause';
const series: Series[] = [];

/** `of`: the figure in one round. */
function add(subject: string, figure: string, unit: Unit, all: Taken[][], of: Of): void {
  series.push({ subject, figure, unit, conditions: {}, rounds: all.map(of) });
}
type Of = (round: readonly Taken[]) => number;

function addTimes(
  subject: string,
  which: string,
  all: Taken[][],
  timesOf: (taken: Taken) => readonly number[],
): void {
  const sorted = all.map((round) => round.flatMap(timesOf).toSorted((a, b) => a - b));
  for (const [name, q] of Object.entries(QUANTILES)) {
    const rounds = sorted.map((ms) => quantile(ms, q));
    const figure = `${name}${which}`;
    const shape = name === 'p50' && distribution(sorted.flat());
    series.push({ subject, figure, unit: 'ms', conditions: {}, rounds, ...shape });
  }
}

function perPush(end: 'nafCpuUs' | 'ueCpuUs'): Of {
  const sum = (round: readonly Taken[], of: keyof Taken & (typeof end | 'pushes')): number =>
    round.reduce((all, taken) => all + taken[of], 0);
  return (round) => sum(round, end) / sum(round, 'pushes');
}

for (const [{ name, ...way }, all] of results) {
  addTimes(name, '', all, ({ ms }) => ms);
  if (way.since === 'connection') addTimes(name, WITH_PAUSE, all, ({ pauseMs }) => pauseMs);
  add(name, 'NAF CPU', 'us', all, perPush('nafCpuUs'));
  add(name, 'UE CPU', 'us', all, perPush('ueCpuUs'));
  const wire = counted.get(name);
  if (wire === undefined) continue;
  add(name, 'octets to the UE', 'octets', all, () => wire.octetsToUe);
  add(name, 'octets to the NAF', 'octets', all, () => wire.octetsToNaf);
  add(name, 'octets of the trigger', 'octets', all, () => wire.triggerOctets);
  add(name, 'octets with the BSF', 'octets', all, () => wire.bsfOctets);
  add(name, 'round trips', 'count', all, () => wire.roundTrips);
  add(name, 'round trips of TCP set-up', 'count', all, () => wire.tcpRoundTrips);
  add(name, 'full handshakes', 'count', all, () => wire.full);
}

console.log(machine());
console.log(
  `${rounds} rounds of ${samples} samples (reuse: ${samples * reuses}) of each way in turn, 100 octets; medians of the rounds.\n` +
    'ms; p50 by that of reuse in the same round (least to most); p50 with the pause of the UE; CPU per push, us; octets of the layer to the UE and to the NAF,\n' +
    'of the trigger, with the BSF; round trips of what is timed, those of TCP set-up among them; full handshakes per push',
);
const of = (subject: string, figure: string): readonly number[] =>
  series.find((one) => one.subject === subject && one.figure === figure)?.rounds ?? [];
const base = of('reuse', 'p50');
for (const subject of new Set(series.map((one) => one.subject))) {
  const shown = (figure: string, width: number, digits = 0): string => {
    const { median } = spread(of(subject, figure));
    return (Number.isNaN(median) ? '' : number(median, digits)).padStart(width);
  };
  const times = spread(of(subject, 'p50').map((ms, round) => ms / (base[round] ?? NaN)));
  const ratio = `${number(times.median, 1).padStart(6)} (${number(times.min, 1)} to ${number(times.max, 1)})`;
  console.log(
    [
      subject.padEnd(42),
      ...Object.keys(QUANTILES).map((figure) => `${figure} ${shown(figure, 7, 2)}`),
      `x ${ratio.padEnd(21)}`,
      `pause ${shown(`p50${WITH_PAUSE}`, 6, 1)}`,
      `CPU ${shown('NAF CPU', 5)} ${shown('UE CPU', 5)}`,
      `octets ${shown('octets to the UE', 4)} ${shown('octets to the NAF', 4)}`,
      `${shown('octets of the trigger', 3)} ${shown('octets with the BSF', 4)}`,
      `trips ${shown('round trips', 3, 1)} ${shown('round trips of TCP set-up', 1)}`,
      `full ${shown('full handshakes', 1)}`,
    ].join('  '),
  );
}
for (const reason of SKIPPED) console.log(`skipped: ${reason}`);

saveResult({
  name: 'modes',
  about:
    'One push in flight, by every way there is: over the open layer, after a new handshake, from nothing; NAFs, UEs and ' +
    'BSF are processes of their own on loopback, the ways take turns.',
  notes: [
    'Every time ends with the receipt at the NAF. reuse and bootstrap begin with the push, UE-initiated with the UE’s ' +
      'first word to its BSF, resume and reconnect with the UE’s TCP connection at the NAF: the pause that a UE makes ' +
      'before it dials again is in "p50, with the pause" alone.',
    'CPU is that of the whole process, per push: of the NAF from the push on, of the UE from the first thing it hears or does. ' +
      'SIMs, HSS and associations are in memory; ids of handled pushes are on disk.',
    `Octets are those of TCP payload, TLS and all. Round trips are half of the flights that a relay saw which held everything for ${HELD_MS} ms, TCP set-up included where the interval includes it; before resume and reconnect there is one more of it.`,
    `p90 and p99 are of ${samples} samples a round (reuse: ${samples * reuses}): of ten, p99 is the greatest.`,
  ],
  skipped: SKIPPED,
  series,
});
