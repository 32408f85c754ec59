/**
 * One payload to many devices at once: until the last has acknowledged it end to end, and what that takes of
 * the server's CPU for each; interleaved in one run, see bench/sides.ts.
 *
 *   node --import=ts-blank-space/register bench/broadcast.ts [--full] [--devices N] [--rounds N] [--only NAME,NAME]
 *
 * With MQTT the sender publishes once, to a topic to which all devices subscribe. gba-push has no groups: each
 * device gets a push of its own, with an id and a receipt.
 */
import { parseArgs } from 'node:util';
import { saveResult } from './lib/result.ts';
import { printTable, Rounds } from './lib/rounds.ts';
import { machine } from './lib/run.ts';
import { measureBroadcast } from './systems/side.ts';
import { openSides, skipped, versionsOf } from './systems/systems.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.full ? 21 : 7));
const devices = Number(values.devices);
const WARM_UPS = 5;

console.log(machine());
const sides = await openSides(devices, values.only?.split(','));
const all = sides.map(({ name }) => new Rounds(name, { devices }));
for (let round = -WARM_UPS; round < rounds; round += 1) {
  for (const [i, side] of sides.entries()) {
    const { ms, serverUs, senderUs } = await measureBroadcast(side, devices);
    if (round < 0) continue;
    all[i]?.note('until the last acknowledged', 'ms', ms);
    all[i]?.note('server CPU per device', 'us', serverUs);
    if (side.sender) all[i]?.note('sender CPU per device', 'us', senderUs);
  }
}
for (const side of sides) await side.close();

console.log(
  `${rounds} interleaved rounds: medians, and the ratio to Mosquitto in the same round (spread)`,
);
const base = all.find(({ subject }) => subject === 'Mosquitto');
printTable(`broadcast to ${devices}`, all, base);
saveResult({
  name: 'broadcast',
  about: `one payload of 100 octets to ${devices} devices at once, until the last has acknowledged it end to end`,
  notes: [
    'with MQTT the sender publishes once and the broker copies; gba-push makes a push, an id and a receipt for each device',
    'the floors send a frame to each device',
  ],
  skipped: [...skipped],
  versions: versionsOf(sides),
  series: all.flatMap(({ series }) => series),
});
