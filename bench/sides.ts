/**
 * Side by side, interleaved in one run: gba-push, Mosquitto and aedes do the same work for the same load,
 * beside floors that say what is possible. A push counts when its sender knows that the device has it, and
 * every device proves that it got each push once, whole and in order.
 *
 *   node --import=ts-blank-space/register bench/sides.ts [--rounds N] [--ms N] [--full] [--only NAME,NAME]
 *
 * Servers run on the first CPU, devices on the last, and with them the sender where it is not the server.
 */
import { parseArgs } from 'node:util';
import { openAedes } from './_aedes.ts';
import { compileFloor, openCFloor } from './_floor-c.ts';
import { openNodeFloor } from './_floor-node.ts';
import { openGba } from './_gba.ts';
import { MOSQUITTO_SETTINGS, mosquittoVersion, openMosquitto } from './_mosquitto.ts';
import { saveResult, type Series } from './_result.ts';
import { machine, number, spread } from './_run.ts';
import { measure, type Job, type Measured, type Side } from './_side.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    ms: { type: 'string' },
    ues: { type: 'string', default: '1,100' },
    windows: { type: 'string', default: '1,32,1024' },
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.full ? 7 : 3));
const ms = Number(values.ms ?? (values.full ? 1_000 : 200));
const ues = values.ues.split(',').map(Number);
const windows = values.windows.split(',').map(Number);
const mostUes = Math.max(...ues);
/** A UE holds 500,000 ids of one NAF at the most; see `HandledSet`. */
const AT_MOST = 150_000;

const floor = compileFloor();
const openers: Readonly<Record<string, () => Promise<Side>>> = {
  'gba-push': () => openGba({ ues: mostUes, log: 'memory' }),
  'gba-push-disk': () => openGba({ ues: mostUes, log: 'disk' }),
  ...(mosquittoVersion() !== undefined && { mosquitto: () => openMosquitto(mostUes) }),
  aedes: () => openAedes(mostUes),
  'node-tls': () => openNodeFloor(mostUes, 'TLS'),
  'node-tcp': () => openNodeFloor(mostUes, 'TCP'),
  ...(floor !== undefined && { c: () => openCFloor(floor, mostUes) }),
};
const only = values.only?.split(',') ?? Object.keys(openers);

console.log(machine());
if (openers['mosquitto'] === undefined) console.log('skipped: Mosquitto (there is no `mosquitto`)');
if (floor === undefined) console.log('skipped: the C floor (it takes gcc and libssl-dev)');
const sides: Side[] = [];
for (const [name, open] of Object.entries(openers))
  if (only.includes(name)) sides.push(await open());
for (const { name, about } of sides) console.log(`${name}: ${about}`);
console.log(`Mosquitto: ${MOSQUITTO_SETTINGS.join(', ')}`);

interface Cell {
  readonly side: Side;
  readonly job: Job;
  readonly rounds: Measured[];
}
const cells: Cell[] = ues.flatMap((ues) =>
  windows.flatMap((window) =>
    sides.map((side) => ({ side, job: { ues, window, ms, atMost: AT_MOST }, rounds: [] })),
  ),
);

// Two rounds warm every process up, and each measurement follows a short one of its own kind.
for (let round = -2; round < rounds; round += 1) {
  for (const { side, job, rounds } of cells) {
    await measure(side, { ...job, ms: job.ms / 5 });
    const measured = await measure(side, job);
    if (round >= 0) rounds.push(measured);
  }
}
for (const side of sides) await side.close();

const base = (cell: Cell): Cell | undefined =>
  cells.find(
    ({ side, job }) =>
      side.name === 'Mosquitto' && job.ues === cell.job.ues && job.window === cell.job.window,
  );
/** Of the same round. */
function ratio(cell: Cell, figure: (measured: Measured) => number): string {
  const theirs = base(cell)?.rounds ?? [];
  const { min, median, max } = spread(
    cell.rounds.map((measured, i) => {
      const other = theirs[i];
      return other ? figure(measured) / figure(other) : NaN;
    }),
  );
  return `${number(median)} x (${number(min)}-${number(max)})`;
}
const median = (cell: Cell, figure: (measured: Measured) => number): number =>
  spread(cell.rounds.map(figure)).median;

console.log(
  `\n${rounds} interleaved rounds of ${ms} ms; medians, and the ratio to Mosquitto in the same round (spread)`,
);
let heading = '';
for (const cell of cells) {
  const { side, job } = cell;
  const own = `${job.ues} UEs, window ${job.window}`;
  if (own !== heading) console.log(`\n${(heading = own)}`);
  const latency =
    job.window === 1
      ? `  p50 ${number(
          median(cell, ({ p50 }) => p50),
          0,
        )} us ${ratio(cell, ({ p50 }) => p50)}` +
        `  p99 ${number(
          median(cell, ({ p99 }) => p99),
          0,
        )} us`
      : '';
  console.log(
    `  ${side.name.padEnd(22)} ${number(
      median(cell, ({ perSecond }) => perSecond),
      0,
    ).padStart(7)}/s ` +
      `${ratio(cell, ({ perSecond }) => perSecond).padEnd(24)} server ` +
      `${number(median(cell, ({ serverUs }) => serverUs)).padStart(6)} us ` +
      `${ratio(cell, ({ serverUs }) => serverUs).padEnd(22)} ` +
      `sender ${number(median(cell, ({ senderUs }) => senderUs)).padStart(5)} us  ` +
      `devices ${number(median(cell, ({ devicesUs }) => devicesUs)).padStart(6)} us  ` +
      `server at ${number(100 * median(cell, ({ serverShare }) => serverShare), 0)} %${latency}`,
  );
}

saveResult({
  name: 'sides',
  about:
    'acknowledged end to end by the device, 100 octets, TLS 1.3 with a PSK: gba-push beside Mosquitto, aedes and floors',
  notes: sides.map(({ name, about }) => `${name}: ${about}`),
  versions: Object.fromEntries(
    sides.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]])),
  ),
  series: cells.flatMap(seriesOf),
});

function seriesOf({ side, job, rounds }: Cell): Series[] {
  const conditions = { UEs: job.ues, window: job.window };
  const series = (
    figure: string,
    unit: Series['unit'],
    value: (measured: Measured) => number,
  ): Series => ({ subject: side.name, figure, unit, conditions, rounds: rounds.map(value) });
  return [
    series('acked pushes', 'per second', ({ perSecond }) => perSecond),
    series('server CPU per acked push', 'us', ({ serverUs }) => serverUs),
    series('sender CPU per acked push', 'us', ({ senderUs }) => senderUs),
    series('devices CPU per acked push', 'us', ({ devicesUs }) => devicesUs),
    ...(job.window === 1
      ? [series('p50', 'us', ({ p50 }) => p50), series('p99', 'us', ({ p99 }) => p99)]
      : []),
  ];
}
