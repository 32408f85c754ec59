/**
 * What a push takes where the network is slow, and where it loses packets, by every way that there is.
 *
 *   node --import=ts-blank-space/register bench/sweep.ts [--quick] [--rtt MS,MS] [--loss PERCENT,PERCENT]
 *     [--rounds N] [--samples N] [--lossy N]
 *
 * The delay is that of a relay of our own between the ends, and between each and the BSF: constant, order kept,
 * for TCP with its set-up, and for UDP. What it costs itself is measured beside it. For each way a line is
 * fitted through the medians: its slope is the number of round trips, shown beside those that were counted.
 * Losses are those of iptables in network namespaces that this makes and removes, which takes root; there is
 * no relay and no delay there. Intervals are those of bench/modes.ts.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { countWays } from './ways/modes-count.ts';
import { openScene, X25519, type Scene } from './ways/modes.ts';
import { kindsOf, sample, SKIPPED, WAYS, type Way } from './ways/modes-ways.ts';
import { saveResult, type Series } from './lib/result.ts';
import { machine, number, spread } from './lib/run.ts';
import { measureLosses } from './ways/sweep-losses.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rtt: { type: 'string', default: '0,20,50,100,300' },
    loss: { type: 'string', default: '0,1,5' },
    rounds: { type: 'string' },
    samples: { type: 'string' },
    lossy: { type: 'string' },
  },
});
const list = (text: string): number[] => text.split(',').filter(Boolean).map(Number);
const [delays, losses] = [list(values.rtt), list(values.loss)];
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const samples = Number(values.samples ?? (values.quick ? 1 : 3));
const lossySamples = Number(values.lossy ?? (values.quick ? 3 : 20));
/** Over the open layer in each sample. */
const REUSES = 5;
const WARM_UPS = 2;
/** From here on all ways are measured at once: what they take is time, not CPU. */
const AT_ONCE_FROM_MS = 100;

/** The times of each way in one round. */
type Times = Map<string, number[]>;

function timesOf(ways: readonly Way[]): Times {
  return new Map(ways.map(({ name }) => [name, []]));
}

function medianOf(all: readonly Times[], name: string): number {
  return spread(all.flatMap((times) => times.get(name) ?? [])).median;
}

/** The rounds at each round-trip time, and how much longer than asked the relay held things, ms. */
async function measureDelays(
  scene: Scene,
): Promise<{ readonly times: Map<number, Times[]>; readonly late: readonly number[] }> {
  const times = new Map(delays.map((ms) => [ms, [] as Times[]]));
  const late: number[] = [];
  for (let i = 0; i < WARM_UPS; i += 1) {
    for (const pair of scene.pairs) await sample(pair, WAYS, REUSES, () => undefined);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [rtt, all] of times) {
      const own = timesOf(WAYS);
      all.push(own);
      for (const { wires } of scene.pairs) wires?.delayBy(rtt / 2);
      const run = async (pair: Scene['pairs'][number], waitMs = 0): Promise<void> => {
        await pause(waitMs);
        for (let i = 0; i < samples; i += 1) {
          await sample(pair, WAYS, REUSES, ({ name }, { ms }) => own.get(name)?.push(...ms));
        }
      };
      const { pairs } = scene;
      if (rtt >= AT_ONCE_FROM_MS) {
        // Not in step: what one does, the others would wait for.
        await Promise.all(pairs.map((pair, n) => run(pair, (n * rtt) / pairs.length)));
      } else for (const pair of pairs) await run(pair);
      for (const { wires } of scene.pairs) {
        if (wires && rtt > 0) late.push(wires.layer.lateness().mean);
      }
    }
  }
  return { times, late };
}

/** The same exchanges through the relay, which holds nothing, and without it, in turn. */
async function relayCost(): Promise<readonly string[]> {
  const ways = WAYS.filter(({ kind }) => kind === X25519);
  const setUp = async (relayed: boolean) => {
    const scene = await openScene({ kinds: [X25519], relayed });
    return { scene, times: timesOf(ways) };
  };
  const [without, through] = [await setUp(false), await setUp(true)];
  for (let i = -WARM_UPS; i < Math.max(10, rounds * samples); i += 1) {
    for (const { scene, times } of [without, through]) {
      for (const pair of scene.pairs) {
        await sample(pair, ways, 10 * REUSES, ({ name }, { ms }) => {
          if (i >= 0) times.get(name)?.push(...ms);
        });
      }
    }
  }
  await Promise.all([without, through].map(({ scene }) => scene.close()));
  return ways.map(({ name }) => {
    const [less, more] = [medianOf([without.times], name), medianOf([through.times], name)];
    const difference = number(more - less, 3);
    return `${name}: ${number(less, 3)} ms without it, ${number(more, 3)} ms through it at 0 ms: ${difference} ms more`;
  });
}

/** Of the line that fits best, by least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const both = mean(([at, value]) => (at - x) * (value - y));
  return both / mean(([at]) => (at - x) ** 2);
}

async function sweepDelays(): Promise<{ readonly series: Series[]; readonly notes: string[] }> {
  const cost = (await relayCost()).map((line) => `the relay, ${line}`);
  const counted = await countWays(WAYS, REUSES);
  const scene = await openScene({ kinds: kindsOf(WAYS), relayed: true });
  const { times, late } = await measureDelays(scene);
  await scene.close();
  const { median, max } = spread(late);
  const held = `the relay held things ${number(median)} ms longer than asked (mean of a round; ${number(max)} at most)`;
  const notes = [...cost, ...(late.length > 0 ? [held] : [])];
  for (const line of notes) console.log(line);

  console.log(
    `\nmedians of ${rounds} rounds of ${samples} samples, ms, by round-trip time; the slope of the line through them, ` +
      'which is round trips (least to most of a round), and round trips counted',
  );
  console.log(' '.repeat(42) + delays.map((rtt) => `${rtt} ms`.padStart(9)).join(''));
  const series: Series[] = [];
  for (const { name: subject } of WAYS) {
    const slope = (round?: number): number =>
      slopeOf(
        [...times].map(([rtt, all]) => [
          rtt,
          medianOf(round === undefined ? all : all.slice(round, round + 1), subject),
        ]),
      );
    const slopes = Array.from({ length: rounds }, (_, round) => slope(round));
    const trips = counted.get(subject)?.roundTrips ?? NaN;
    const count = { subject, unit: 'count', conditions: {} } as const;
    series.push({ ...count, figure: 'round trips', rounds: slopes.map(() => trips) });
    if (delays.length > 1)
      series.push({ ...count, figure: 'round trips by slope', rounds: slopes });
    const cells = [...times].map(([rtt, all]) => {
      const perRound = all.map((one) => medianOf([one], subject));
      const conditions = { 'round trip, ms': rtt };
      series.push({ subject, figure: 'p50', unit: 'ms', conditions, rounds: perRound });
      return number(medianOf(all, subject), 1).padStart(9);
    });
    const range = `(${number(Math.min(...slopes))} to ${number(Math.max(...slopes))})`;
    const fitted = `${number(slope()).padStart(6)} ${range.padEnd(16)}`;
    console.log(
      `${subject.padEnd(42)}${cells.join('')}  ${fitted} ${number(trips, 1).padStart(5)}`,
    );
  }
  return { series, notes };
}

console.log(machine());
const swept = delays.length > 0 ? await sweepDelays() : { series: [], notes: [] };
const lossy =
  losses.length > 0 ? await measureLosses({ losses, rounds, samples: lossySamples }) : [];
const skipped = [...SKIPPED, ...('reason' in lossy ? [`loss: ${lossy.reason}`] : [])];
for (const reason of skipped) console.log(`skipped: ${reason}`);

saveResult({
  name: 'sweep',
  about:
    'One push in flight by every way there is, through a relay that holds everything for half a round trip each way, and over ' +
    'a wire that loses packets.',
  notes: [
    'reuse and bootstrap begin with the push, resume and reconnect with the UE’s TCP connection at the NAF, UE-initiated with ' +
      'the UE’s first word to its BSF; all end with the receipt at the NAF.',
    'The way to the BSF has the same round trip, where there is one.',
    ...swept.notes,
  ],
  skipped,
  series: [...swept.series, ...('reason' in lossy ? [] : lossy)],
});
