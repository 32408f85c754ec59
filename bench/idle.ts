/**
 * What an idle connection keeps in the server's memory: so many devices connect and are silent from then on;
 * each system in turn, in a process of its own that is new each time.
 *
 *   node --import=ts-blank-space/register bench/idle.ts [--full] [--devices N] [--rounds N] [--only NAME,NAME]
 *
 * For gba-push that is all state: the layer, its association, and what the NAF holds of the UE. Memory is what the kernel counts: RSS, and PSS, in which a page that others have too counts in part. Node's
 * are told to collect garbage first. `ulimit -n` must be above the devices.
 */
import { parseArgs } from 'node:util';
import { saveResult } from './lib/result.ts';
import { printTable, Rounds } from './lib/rounds.ts';
import { machine } from './lib/run.ts';
import { connectAll, memoryOf, type Stage } from './systems/stage.ts';
import { openEach, skipped, stagers, versionsOf } from './systems/systems.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.full ? 7 : 1));
const devices = Number(values.devices ?? (values.full ? 5_000 : 2_000));
const AT_ONCE = 64;

const NODE = ['gba-push', 'aedes', 'node-tls'];
const small = '--max-semi-space-size=1';
const only = values.only?.split(',');
const variants = [
  ...Object.entries(stagers(devices, ['--expose-gc'])).map(([name, open]) => ({
    ...{ name, open, flags: '' },
  })),
  ...Object.entries(stagers(devices, ['--expose-gc', small]))
    .filter(([name]) => NODE.includes(name))
    .map(([name, open]) => ({ name, open, flags: ` ${small}` })),
];

console.log(machine());
const all = new Map<string, Rounds>();
const seen = new Map<string, Stage>();
for (let round = 0; round < rounds; round += 1) {
  for (const { name, open, flags } of variants) {
    const [stage] = await openEach(only, { [name]: open });
    if (stage === undefined) continue;
    seen.set(stage.name, stage);
    const subject = stage.name + flags;
    const found = all.get(subject) ?? new Rounds(subject, { devices });
    all.set(subject, found);
    const isNode = NODE.includes(name);
    if (isNode) await stage.server.ask('collect');
    const { before = memoryOf(stage.server) } = stage;
    await connectAll(stage, [0, devices, AT_ONCE]);
    if (isNode) await stage.server.ask('collect');
    const after = memoryOf(stage.server);
    await stage.close();
    found.note('RSS per connection', 'KiB', (after.rss - before.rss) / devices);
    found.note('PSS per connection', 'KiB', (after.pss - before.pss) / devices);
    found.note('RSS of all', 'KiB', after.rss);
  }
}

const base = all.get('bare Node TLS');
console.log(
  `${rounds} interleaved rounds: medians, and the ratio to bare Node TLS in the same round (spread)`,
);
printTable(`${devices} idle connections`, [...all.values()], base);
saveResult({
  name: 'idle',
  about: `what each of ${devices} idle connections keeps in the memory of the server, TLS 1.3 with a PSK`,
  notes: Array.from(seen.values(), ({ name, connected }) => `${name}: connected is ${connected}`),
  skipped: [...skipped],
  versions: versionsOf([...seen.values()]),
  series: [...all.values()].flatMap(({ series }) => series),
});
