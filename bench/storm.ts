/**
 * All devices come back at once, as after an outage: connections a second, and what each takes of the server's
 * CPU; interleaved in one run.
 *
 *   node --import=ts-blank-space/register bench/storm.ts [--full] [--devices N] [--rounds N] [--at-once N] [--only NAME,NAME]
 *
 * Devices are a process on a CPU of its own, which may well be the slower side: the CPU is the figure to trust.
 */
import { parseArgs } from 'node:util';
import { cpuUs } from './lib/program.ts';
import { saveResult } from './lib/result.ts';
import { printTable, Rounds } from './lib/rounds.ts';
import { machine } from './lib/run.ts';
import { connectAll, hangUp } from './systems/stage.ts';
import { openEach, skipped, stagers, versionsOf } from './systems/systems.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    rounds: { type: 'string' },
    'at-once': { type: 'string', default: '64' },
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.full ? 7 : 2));
const devices = Number(values.devices);
const atOnce = Number(values['at-once']);

console.log(machine());
const stages = await openEach(values.only?.split(','), stagers(devices));
const notes = stages.map(({ name, connected }) => `${name}: connected is ${connected}`);
for (const note of notes) console.log(note);
const all = stages.map(({ name }) => new Rounds(name, { devices }));
// The first round warms every process up.
for (let round = -1; round < rounds; round += 1) {
  for (const [i, stage] of stages.entries()) {
    const before = cpuUs(stage.server.pid);
    const ms = await connectAll(stage, [0, devices, atOnce]);
    const us = cpuUs(stage.server.pid) - before;
    await hangUp(stage, devices);
    if (round < 0) continue;
    all[i]?.note('connections', 'per second', devices / (ms / 1_000));
    all[i]?.note('server CPU per connection', 'us', us / devices);
    all[i]?.note('server share of its CPU', 'ratio', us / 1_000 / ms);
  }
}
for (const stage of stages) await stage.close();

console.log(
  `${rounds} interleaved rounds, ${atOnce} at once: medians, and the ratio to bare Node TLS in the same round (spread)`,
);
const base = all.find(({ subject }) => subject === 'bare Node TLS');
printTable(`${devices} devices connect`, all, base);
saveResult({
  name: 'storm',
  about: `${devices} devices connect, ${atOnce} at once, as after an outage: TLS 1.3 with a PSK and X25519`,
  notes,
  skipped: [...skipped],
  versions: versionsOf(stages),
  series: all.flatMap(({ series }) => series),
});
