/** Ub with a SIM and an HSS that are programs. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ExecError } from '../../src/errors.ts';
import { createExecHss } from '../../src/exec/hss.ts';
import type { ProgramOptions } from '../../src/exec/program.ts';
import { openExecUsim } from '../../src/exec/usim.ts';
import { nafIdOf, parseFqdn, uaIdOf } from '../../src/ids.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { bootstrapOverUb } from '../../src/ue/ub-client.ts';
import { makeBsf, meOnly, serveUb } from '../support/bsf.ts';
import { temporaryFolder } from '../support/command.ts';

const run = { ck: '03'.repeat(16), ik: '04'.repeat(16) };
const challenge = { rand: '01'.repeat(16), autn: '02'.repeat(16) };
const res = '05'.repeat(8);
const nafFqdn = parseFqdn('naf.example.org');
const uaId = uaIdOf({ version: '1.3' });

/** Answers every request by the same object. */
function answering(t: ExecutionContext, answer: object): ProgramOptions {
  const file = join(temporaryFolder(t), 'program');
  writeFileSync(file, `#!/bin/sh\nread -r request\nprintf '%s\\n' '${JSON.stringify(answer)}'\n`);
  chmodSync(file, 0o755);
  return { command: [file], clock, timeoutMs: 5_000 };
}

const simWith = (t: ExecutionContext, answer: object) =>
  openExecUsim(answering(t, { imsi: meOnly.imsi, ...answer }));

test('a SIM and an HSS that are programs bootstrap, when both give RES', async (t) => {
  const hss = createExecHss(answering(t, { ...challenge, ...run, xres: res }));
  const { ub, bsf } = makeBsf(t, { hss });
  const url = await serveUb(t, ub);
  const usim = await simWith(t, { ...run, res });
  const { bTid, keys } = await bootstrapOverUb({ bsf: url, usim, clock });
  const { ksNaf } = await bsf.bootstrapInfo({ bTid, nafFqdn, uaId });
  t.deepEqual(ksNaf, await keys.derive(nafIdOf(nafFqdn, uaId)));
  keys.wipe();
  t.deepEqual(keys.res, new Uint8Array(8));
  const silent = await simWith(t, run);
  await t.throwsAsync(bootstrapOverUb({ bsf: url, usim: silent, clock }), {
    instanceOf: TypeError,
  });
});

test('in GBA_U RES comes from the card, which keeps the rest', async (t) => {
  const usim = await simWith(t, { gbaU: true, res });
  const octets = new Uint8Array(16);
  const keys = await usim.authenticate(octets, octets, 'GBA_U');
  t.deepEqual(keys.res, new Uint8Array(8).fill(5));
});

test('an HSS that gives no XRES serves push alone: nobody bootstraps by a RES of zeros', async (t) => {
  const hss = createExecHss(answering(t, { ...challenge, ...run }));
  await t.notThrowsAsync(hss.vector(meOnly.impi, 'push'));
  await t.throwsAsync(hss.vector(meOnly.impi, 'ub'), {
    instanceOf: ExecError,
    message: /gave no xres/,
  });
});
