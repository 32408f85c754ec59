/** `--resumption` of both commands, as processes. */
import test from 'ava';
import { parseEndpoint } from '../../src/codec/address.ts';
import { openWire } from '../../src/cli/demo-wire.ts';
import { call, startProcess, temporaryFolder } from '../support/command.ts';

const UE = '001010000000001';
const NOTICE = /--resumption sa-bound changes nothing in TLS 1\.3/;

test('after a lost layer both commands resume: the receipt and the device say so', async (t) => {
  const wire = await openWire();
  t.teardown(() => wire.close());
  const ue = startProcess(t, 'ue-listen', [
    ...['--trigger', 'udp://127.0.0.1:0', '--tls', 'any', '--resumption', 'sa-bound', '--json'],
    ...['--state', temporaryFolder(t)],
  ]);
  await ue.says(/"event":"listening".*\n/);
  const { trigger } = JSON.parse(ue.stdout) as { trigger: string };
  const naf = startProcess(t, 'naf-push', [
    ...['serve', '--tls', '1.2', '--resumption', 'sa-bound', '--trigger', trigger, '--json'],
    ...['--advertise', `${wire.address.host}:${wire.address.port}`, '--state', temporaryFolder(t)],
  ]);
  await naf.says(/"event":"ready".*\n/);
  const { tls } = JSON.parse(naf.stdout) as { tls: string };
  wire.leadTo(parseEndpoint(tls));
  naf.write(`${JSON.stringify({ ue: UE, message: 'one' })}\n`);
  await naf.says(/"via":"bootstrap".*\n/);
  wire.cut();
  naf.write(`${JSON.stringify({ ue: UE, message: 'two' })}\n`);
  await naf.says(/"via":"resume".*\n/);
  await ue.says(/"via":"resume".*"payload":"two".*\n/);
  t.notRegex(naf.stderr + ue.stderr, NOTICE);
});

test('whoever asks for it in TLS 1.3 is told that it changes nothing', async (t) => {
  const state = ['--state', temporaryFolder(t)];
  const ue = startProcess(t, 'ue-listen', [
    ...['--trigger', 'udp://127.0.0.1:0', '--resumption', 'sa-bound', ...state],
  ]);
  await ue.says(/waits for triggers/);
  t.regex(ue.stderr, NOTICE);
  const naf = call(t, 'naf-push', [
    ...['send', UE, '-m', 'x', '--timeout', '0.1', '--resumption', 'sa-bound', ...state],
    ...['--trigger', 'udp://127.0.0.1:9'],
  ]);
  t.is(await naf.ended, 3);
  t.regex(naf.stderr, NOTICE);
});

test('another word for it is a usage error that lists the words', async (t) => {
  for (const name of ['naf-push', 'ue-listen'] as const) {
    const args = name === 'naf-push' ? ['send', UE, '-m', 'x'] : [];
    const command = call(t, name, [...args, '--resumption', 'on']);
    t.is(await command.ended, 2);
    t.regex(command.stderr, /off, sa-bound/);
  }
});
