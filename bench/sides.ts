/**
 * Side by side, interleaved in one run: gba-push, Mosquitto and aedes do the same work for the same load,
 * beside floors that say what is possible. A push counts when its sender knows that the device has it, and
 * every device proves that it got each push once, whole and in order.
 *
 *   node --import=ts-blank-space/register bench/sides.ts [--full] [--rounds N] [--ms N] [--ues N,N] [--windows N,N] [--only NAME,NAME]
 *
 * Servers run on the first CPU, devices on the last, and with them the sender where it is not the server.
 * Names: gba-push, gba-push-disk, mosquitto, aedes, node-tls, node-tcp, c.
 */
import { parseArgs } from 'node:util';
import { MOSQUITTO_SETTINGS } from './systems/mosquitto.ts';
import { saveResult } from './lib/result.ts';
import { printTable, Rounds } from './lib/rounds.ts';
import { machine } from './lib/run.ts';
import { measure, type Job, type Side } from './systems/side.ts';
import { openSides, skipped, versionsOf } from './systems/systems.ts';

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
const counts = values.ues.split(',').map(Number);
const windows = values.windows.split(',').map(Number);
/** Few enough that a UE, which remembers them for a while, has room for the next measurements (`handledRoom`). */
const AT_MOST = 150_000;

console.log(machine());
const sides = await openSides(Math.max(...counts), values.only?.split(','));
const notes = [
  ...sides.map(({ name, about }) => `${name}: ${about}`),
  `Mosquitto: ${MOSQUITTO_SETTINGS.join(', ')}`,
  'the CPU of a sender beside the server is a column of its own',
  `no measurement is longer than ${AT_MOST} pushes`,
];
for (const note of notes) console.log(note);

interface Cell {
  readonly side: Side;
  readonly job: Job;
  readonly found: Rounds;
}
const cells: readonly Cell[] = counts.flatMap((ues) =>
  windows.flatMap((window) =>
    sides.map((side) => ({
      side,
      job: { ues, window, ms, atMost: AT_MOST },
      found: new Rounds(side.name, { UEs: ues, window }),
    })),
  ),
);

// Two rounds warm every process up, and each measurement follows a short one of its own kind.
for (let round = -2; round < rounds; round += 1) {
  for (const { side, job, found } of cells) {
    await measure(side, { ...job, ms: job.ms / 5 });
    const measured = await measure(side, job);
    if (round < 0) continue;
    found.note('acked pushes', 'per second', measured.perSecond);
    found.note('server CPU per acked push', 'us', measured.serverUs);
    if (side.sender) found.note('sender CPU per acked push', 'us', measured.senderUs);
    found.note('devices CPU per acked push', 'us', measured.devicesUs);
    found.note('server share of its CPU', 'ratio', measured.serverShare);
    if (job.window > 1) continue;
    found.note('p50', 'us', measured.p50);
    found.note('p99', 'us', measured.p99);
  }
}
for (const side of sides) await side.close();

console.log(
  `\n${rounds} interleaved rounds of ${ms} ms: medians, and the ratio to Mosquitto in the same round (spread)`,
);
for (const UEs of counts) {
  for (const window of windows) {
    const here = cells
      .filter(({ job }) => job.ues === UEs && job.window === window)
      .map(({ found }) => found);
    const base = here.find(({ subject }) => subject === 'Mosquitto');
    printTable(`${UEs} UEs, window ${window}`, here, base);
  }
}
saveResult({
  name: 'sides',
  about:
    'gba-push beside Mosquitto, aedes and floors: 100 octets, TLS 1.3 with a PSK, acknowledged end to end by the device',
  notes,
  skipped: [...skipped],
  versions: versionsOf(sides),
  series: cells.flatMap(({ found }) => found.series),
});
