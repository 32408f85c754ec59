/**
 * From a GPI to the key, at the UE: the envelope is read, AUTN checked by the SIM in software, the GPI opened,
 * Ks_NAF derived and the NAF's MAC verified; CPU of each, with either algorithm of the SIM, in interleaved rounds.
 *
 *   node --import=ts-blank-space/register bench/gpi.ts [--full] [--count N] [--rounds N] [--against FOLDER]
 *
 * It is the whole way of a trigger that came as a datagram, until the association is there; its store is in
 * memory. The NAF makes the envelopes, and each key is compared with its own. `--against` names another
 * checkout, measured in turn with this one.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { GpiOrder } from './ends/gpi-ue.ts';
import { startNode, type Program } from './lib/program.ts';
import { saveResult } from './lib/result.ts';
import { printTable, Rounds } from './lib/rounds.ts';
import { machine } from './lib/run.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    rounds: { type: 'string' },
    against: { type: 'string' },
    full: { type: 'boolean', default: false },
  },
});
const count = Number(values.count);
const rounds = Number(values.rounds ?? (values.full ? 21 : 7));
const WARM_UPS = 5;

interface Measured {
  readonly ue: Program;
  readonly found: Rounds;
  readonly before: Rounds | undefined;
}

const here = fileURLToPath(new URL('..', import.meta.url));
const all: Measured[] = [];
for (const algorithm of ['milenage', 'tuak'] as const) {
  const start = async (root: string, subject: string): Promise<Omit<Measured, 'before'>> => {
    const order: GpiOrder = { root, algorithm };
    const ue = await startNode('ends/gpi-ue.ts', 'devices', order);
    return { ue, found: new Rounds(subject) };
  };
  const name = algorithm === 'milenage' ? 'Milenage' : 'TUAK';
  const other =
    values.against === undefined ? [] : [await start(values.against, `${name}, before`)];
  const own = await start(here, name);
  all.push(...other.map((one) => ({ ...one, before: undefined })), {
    ...own,
    before: other[0]?.found,
  });
}
for (let round = -WARM_UPS; round < rounds; round += 1) {
  for (const { ue, found } of all) {
    const { us } = await ue.ask<{ us: number }>('open', count);
    if (round >= 0) found.note('GPI received to key derived, CPU', 'us', us);
  }
}
for (const { ue } of all) await ue.end();

console.log(machine());
console.log(
  `${rounds} interleaved rounds of ${count}: medians, and the ratio to before in the same round (spread)`,
);
for (const { found, before } of all) printTable('UE', [found], before);
saveResult({
  name: 'gpi',
  about: 'a trigger becomes an association at the UE, from the datagram to Ks_NAF: CPU of each',
  notes: ['the SIM is software with its sequence numbers in memory'],
  series: all.flatMap(({ found }) => found.series),
});
