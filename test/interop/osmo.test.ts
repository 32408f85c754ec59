/** osmo-auc-gen, which nobody here wrote, in place of our HSS and in place of our SIM, by the scripts of docs/examples. */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createExecHss } from '../../src/exec/hss.ts';
import type { ProgramOptions } from '../../src/exec/program.ts';
import { openExecUsim } from '../../src/exec/usim.ts';
import { impiFromImsi, parseImsi } from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { packageFile } from '../../src/store/policy.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { createUsim } from '../../src/ue/usim.ts';
import { temporaryFolder } from '../support/command.ts';
import { impi, openNaf, openUe } from '../support/ladder.ts';
import { isThere, testWith } from '../support/peers.ts';
import { createSim } from '../support/sim.ts';

const test = testWith('osmo-auc-gen', () => isThere('osmo-auc-gen'));
const imsi = parseImsi('001010000000001');
const k = '465b5ce8b199b49faa5f0a2ee238a6bc';
const opc = 'cd63cb71954a9f4e48a5994e37a02baf';

function osmo(t: ExecutionContext, script: string, ...names: string[]): ProgramOptions {
  const state = join(temporaryFolder(t), 'state');
  const file = packageFile(`docs/examples/${script}`);
  return { command: [file, state, ...names, k, opc], clock: systemClock };
}

async function pushesThrough(
  t: ExecutionContext,
  sim: Parameters<typeof openUe>[1] & Parameters<typeof openNaf>[1],
) {
  const ue = await openUe(t, sim, () => undefined, { autsStore: openMemoryStore() });
  const naf = await openNaf(t, sim, { triggerAddress: () => ue.address });
  const first = await naf.push(impi, Buffer.from('one'), { ttlSeconds: 8 });
  const second = await naf.push(impi, Buffer.from('two'), { ttlSeconds: 8 });
  t.like(first, { state: 'acked', via: 'bootstrap' });
  t.like(second, { state: 'acked', via: 'reuse' });
}

test('osmo-auc-gen as HSS: our SIM takes its vectors', async (t) => {
  const { usim } = createSim(impi);
  await pushesThrough(t, { usim, hss: createExecHss(osmo(t, 'osmo-hss.sh')) });
});

test('osmo-auc-gen as SIM: it takes the vectors of our HSS', async (t) => {
  const { hss } = createSim(impi);
  await pushesThrough(t, { hss, usim: await openExecUsim(osmo(t, 'osmo-usim.sh', imsi)) });
});

test('osmo-auc-gen at both ends: the ladder holds with none of our AKA', async (t) => {
  const usim = await openExecUsim(osmo(t, 'osmo-usim.sh', imsi));
  await pushesThrough(t, { usim, hss: createExecHss(osmo(t, 'osmo-hss.sh')) });
});

test('osmo-auc-gen understands the AUTS of our SIM and goes on from its SQN', async (t) => {
  const credentials = {
    imsi,
    impi: impiFromImsi(imsi),
    algorithm: 'milenage',
    k: fromHex(k),
    opc: fromHex(opc),
  } as const;
  const usim = createUsim({ credentials, store: openMemoryStore() });
  const earlier = createExecHss(osmo(t, 'osmo-hss.sh'));
  for (let n = 0; n < 3; n += 1) {
    const { rand, autn } = await earlier.vector(impi, 'push');
    (await usim.authenticate(rand, autn)).wipe();
  }
  await pushesThrough(t, { usim, hss: createExecHss(osmo(t, 'osmo-hss.sh')) });
});
