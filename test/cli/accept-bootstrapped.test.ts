/** A device that begins by itself, a NAF and a BSF, each a process, as operations.md starts them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import {
  call,
  jsonLines,
  startProcess,
  temporaryFolder,
  writeKeyFile,
} from '../support/command.ts';

const test = anyTest.serial;
const ue = '001010000000001';
const nafFqdn = 'naf.mnc001.mcc001.pub.3gppnetwork.org';
const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';

/** A BSF and a NAF that asks it, which may learn from it whose a B-TID is, or may not. */
async function start(t: ExecutionContext, { mayLearnImpi }: { mayLearnImpi: boolean }) {
  const folder = temporaryFolder(t);
  const secret = join(folder, 'token');
  writeFileSync(secret, `${token}\n`, { mode: 0o600 });
  const nafs = [{ name: 'naf', token, fqdns: [nafFqdn], mayLearnImpi }];
  const socket = `unix:${join(folder, 'bsf.sock')}`;
  const bsf = startProcess(t, 'naf-push', [
    ...['bsf', '--json', '--listen', socket, '--ub', '127.0.0.1:0'],
    ...['--nafs', writeKeyFile(join(folder, 'nafs.json'), { nafs })],
    ...['--state', join(folder, 'bsf')],
  ]);
  const { ub } = JSON.parse(await bsf.says(/\{"event":"ready".*\n/)) as { ub: string };
  const startNaf = async (listen = '127.0.0.1:0') => {
    const naf = startProcess(t, 'naf-push', [
      ...['serve', '--json', '-v', '--accept-bootstrapped', '--naf', nafFqdn, '--listen', listen],
      ...['--bsf', socket, '--bsf-secret', secret, '--trigger', 'udp://127.0.0.1:9'],
      ...['--state', join(folder, 'naf')],
    ]);
    const { tls } = JSON.parse(await naf.says(/\{"event":"ready".*\n/)) as { tls: string };
    return { naf, tls };
  };
  const { naf, tls } = await startNaf();
  const args = [
    ...['--trigger', 'udp://127.0.0.1:0', '--state', join(folder, 'ue')],
    ...['--bootstrap', ub, '--naf', nafFqdn, '--connect', tls],
  ];
  return { naf, args, tls, startNaf, state: join(folder, 'naf') };
}

test('the layer is open before anything is pushed, and no trigger is sent', async (t) => {
  const { naf, args } = await start(t, { mayLearnImpi: true });
  const device = startProcess(t, 'ue-listen', [...args, '--json', '-C', '2']);
  await naf.says(/"gba:layer:opened"/);
  for (const message of ['one', 'two']) naf.write(`${JSON.stringify({ ue, message })}\n`);
  t.is(await device.ended, 0, device.stderr);
  const pushes = jsonLines(device.stdout).filter(({ event }) => event === 'push');
  t.deepEqual(
    pushes.map(({ payload }) => payload),
    ['one', 'two'],
  );
  await naf.says(/"id".*\n.*"id".*\n/);
  t.false(naf.stderr.includes('gba:trigger:sent'));
});

test('a key that was revoked opens nothing after a restart of the NAF, while the BSF has it still', async (t) => {
  const { naf, args, tls, startNaf, state } = await start(t, { mayLearnImpi: true });
  const device = startProcess(t, 'ue-listen', [...args, '--json', '-v']);
  await naf.says(/"gba:layer:opened"/);
  const bTid = /"gba:layer:opened".*"bTid":"([^"]+)"/.exec(naf.stderr)?.[1] ?? '';
  // It does not hear that it is revoked: it dials again, with what it has.
  device.kill();
  await device.ended;
  t.is(await call(t, 'naf-push', ['sa', 'revoke', bTid, '--state', state]).ended, 0);
  naf.kill();
  await naf.ended;
  const { naf: next } = await startNaf(tls);
  startProcess(t, 'ue-listen', args);
  const refused = await next.says(/"event":"gba:tls:refused".*\n/);
  t.true(refused.includes(`${bTid} has ended here`), refused);
});

test('a NAF that may not learn whose a key is lets nobody in, and says why', async (t) => {
  const { naf, args } = await start(t, { mayLearnImpi: false });
  startProcess(t, 'ue-listen', args);
  const refused = await naf.says(/"event":"gba:tls:refused".*\n/);
  t.regex(refused, /IMPI|whose/);
  t.false(naf.stderr.includes('gba:layer:opened'));
});

test('without a BSF elsewhere nobody can have bootstrapped: a usage error says so', async (t) => {
  const naf = call(t, 'naf-push', ['serve', '--accept-bootstrapped']);
  t.is(await naf.ended, 2);
  t.regex(naf.stderr, /--accept-bootstrapped goes with --bsf/);
});
