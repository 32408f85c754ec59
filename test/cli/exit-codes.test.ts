import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { exitCodeOf } from '../../src/cli/run.ts';
import { packageFile } from '../../src/store/policy.ts';
import {
  call,
  jsonLines,
  startUe,
  temporaryFolder,
  writeKeyFile,
  type CommandName,
} from '../support/command.ts';

const UE = '001010000000001';
const NOWHERE = 'udp://127.0.0.1:9';
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';
const OTHER_K = '0396eb317b6d1c36f19c1c84cd6ffd16';

async function run(t: ExecutionContext, name: CommandName, args: readonly string[]) {
  const state = temporaryFolder(t);
  const command = call(t, name, args, { input: '', env: { GBA_PUSH_STATE: state } });
  return { code: await command.ended, out: command.stdout, err: command.stderr };
}

/** One line, naming the command, and no stack. */
function clear(name: CommandName, rest: RegExp): RegExp {
  return new RegExp(`^${name}: .*${rest.source}.*\\n$`);
}

test.serial('an unknown subscriber is 1, and the file is named', async (t) => {
  const { code, err } = await run(t, 'naf-push', ['send', '001010000000009', '-m', 'x']);
  t.is(code, 1);
  t.regex(
    err,
    clear('naf-push', /has no subscriber 001010000000009 \(ERR_BSF_UNKNOWN_SUBSCRIBER\)/),
  );
});

test.serial(
  'a key file that is not there, is not JSON, or has a bad key is 1, and no key is shown',
  async (t) => {
    const folder = temporaryFolder(t);
    const absent = join(folder, 'absent.json');
    const first = await run(t, 'naf-push', ['send', UE, '-m', 'x', '--subscribers', absent]);
    t.is(first.code, 1);
    t.regex(first.err, clear('naf-push', /cannot read .*absent\.json/));

    const bad = { imsi: UE, k: K.slice(1), opc: OPC };
    const usim = writeKeyFile(join(folder, 'usim.json'), bad);
    const second = await run(t, 'ue-listen', ['--usim', usim, '--trigger', 'udp://127.0.0.1:0']);
    t.is(second.code, 1);
    t.regex(second.err, clear('ue-listen', /usim\.json: k: expected 32 or 64 hex digits/));
    t.false(second.err.includes(K.slice(1)) || second.err.includes(OPC));
  },
);

test.serial('a file that is empty, or begins with a mark, is 1 and called that', async (t) => {
  const folder = temporaryFolder(t);
  for (const [text, fault] of [
    ['', /is empty/],
    [' \n', /is empty/],
    ['\ufeff{}', /starts with a byte order mark: save it as UTF-8 without one/],
    ['{]', /is not JSON: run jq empty \S+ to see where/],
  ] as const) {
    const file = join(folder, 'file.json');
    writeFileSync(file, text, { mode: 0o600 });
    const words = new RegExp(`file\\.json ${fault.source} \\(ERR_CONFIG_FILE\\)`);
    for (const [name, ...args] of [
      ['naf-push', 'send', UE, '-m', 'x', '--subscribers', file],
      ['ue-listen', '--usim', file],
      ['ue-listen', '--connect-policy', file, '--trigger', 'udp://127.0.0.1:0'],
    ] as const) {
      const { code, err } = await run(t, name, args);
      t.is(code, 1);
      t.regex(err, clear(name, words));
    }
  }
});

test.serial('a key file that others can read is 1, with the command that helps', async (t) => {
  const folder = temporaryFolder(t);
  const sim = { imsi: UE, k: K, opc: OPC };
  const usim = writeKeyFile(join(folder, 'usim.json'), sim, 0o644);
  const listen = await run(t, 'ue-listen', ['--usim', usim, '--trigger', 'udp://127.0.0.1:0']);
  t.is(listen.code, 1);
  t.regex(listen.err, clear('ue-listen', /chmod 600 .*usim\.json \(ERR_CONFIG_MODE\)/));
  const subscribers = writeKeyFile(join(folder, 'all.json'), { subscribers: [sim] }, 0o640);
  const send = await run(t, 'naf-push', ['send', UE, '-m', 'x', '--subscribers', subscribers]);
  t.is(send.code, 1);
  t.regex(send.err, clear('naf-push', /chmod 600 .*all\.json \(ERR_CONFIG_MODE\)/));
});

test.serial('the published keys beyond loopback are 1, wherever the address stands', async (t) => {
  const anywhere = '0.0.0.0:0';
  for (const args of [
    ['--listen', anywhere],
    ['--advertise', '192.0.2.1:5684'],
    ['--trigger', 'udp://192.0.2.1:2948'],
  ]) {
    const { code, err } = await run(t, 'naf-push', ['send', UE, '-m', 'x', ...args]);
    t.is(code, 1);
    t.regex(err, clear('naf-push', /demo keys are published.*--dangerously-allow-demo-keys/));
  }
  const { code, err } = await run(t, 'ue-listen', ['--trigger', `udp://${anywhere}`]);
  t.is(code, 1);
  t.regex(err, clear('ue-listen', /published.*--dangerously-allow-demo-keys/));
});

test.serial('a port in use is 1 on both sides, and the address is named', async (t) => {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  t.teardown(() => tcp.close());
  const listen = `127.0.0.1:${(tcp.address() as AddressInfo).port}`;
  const send = await run(t, 'naf-push', ['send', UE, '-m', 'x', '--listen', listen]);
  t.is(send.code, 1);
  t.regex(send.err, clear('naf-push', new RegExp(`cannot listen on ${listen}.*EADDRINUSE`)));

  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => udp.close());
  const trigger = `udp://127.0.0.1:${udp.address().port}`;
  const ue = await run(t, 'ue-listen', ['--trigger', trigger]);
  t.is(ue.code, 1);
  t.regex(ue.err, clear('ue-listen', new RegExp(`cannot listen at ${trigger}.*EADDRINUSE`)));
});

test.serial('a payload file that cannot be read is 1', async (t) => {
  const { code, err } = await run(t, 'naf-push', ['send', UE, '-f', '/nowhere/at/all']);
  t.is(code, 1);
  t.regex(err, clear('naf-push', /cannot read \/nowhere\/at\/all/));
});

test.serial('a state folder that cannot be written is 1', async (t) => {
  const naf = await run(t, 'naf-push', ['send', UE, '-m', 'x', '--state', '/dev/null/state']);
  t.is(naf.code, 1);
  t.regex(naf.err, clear('naf-push', /\/dev\/null\/state/));
  const ue = await run(t, 'ue-listen', ['--state', '/dev/null/state']);
  t.is(ue.code, 1);
  t.regex(ue.err, clear('ue-listen', /\/dev\/null\/state/));
});

test.serial('a UE that is absent is 3, with the sentence', async (t) => {
  const args = ['send', UE, '-m', 'x', '--trigger', NOWHERE, '--timeout', '0.6', '--json'];
  const { code, out, err } = await run(t, 'naf-push', args);
  t.is(code, 3);
  t.regex(
    err,
    /did not connect within 0\.6 s: it is absent, or its SIM holds another key .*\(ERR_CHANNEL_TIMEOUT\)\n$/,
  );
  const [receipt] = jsonLines(out);
  t.like(receipt, { state: 'dead', reason: 'dropped', code: 'ERR_CHANNEL_TIMEOUT', attempts: 0 });
  t.false('via' in (receipt ?? {}));
});

test.serial('that nothing hears triggers is told once, however often one is sent', async (t) => {
  const args = ['send', UE, '-m', 'x', '--trigger', NOWHERE, '--timeout', '3'];
  const { code, err } = await run(t, 'naf-push', args);
  t.is(code, 3);
  t.is(err.match(/nothing listens for triggers/g)?.length, 1, err);
});

test.serial('a time to live of 0 is over before any layer is open, and that is said', async (t) => {
  const args = ['send', UE, '-m', 'x', '--trigger', NOWHERE, '--ttl', '0', '--json'];
  const { code, out } = await run(t, 'naf-push', args);
  t.is(code, 7);
  t.regex(
    String(jsonLines(out)[0]?.['detail']),
    /^no layer was open and free, and with a TTL of 0/,
  );
});

test.serial('a time to live that is over is 7', async (t) => {
  const args = ['send', UE, '-m', 'x', '--trigger', NOWHERE, '--ttl', '1', '--json'];
  const { code, out } = await run(t, 'naf-push', args);
  t.is(code, 7);
  t.like(jsonLines(out)[0], { state: 'dead', reason: 'expired', attempts: 0 });
});

test.serial(
  'a NAF with another K gets 3; the UE says so in one line and serves the next good NAF',
  async (t) => {
    const folder = temporaryFolder(t);
    const other = writeKeyFile(join(folder, 'other.json'), {
      demo: true,
      subscribers: [{ imsi: UE, k: OTHER_K, opc: OPC }],
    });
    const { ue, trigger } = await startUe(t, call, ['--state', folder]);
    const args = ['send', UE, '-m', 'x', '--trigger', trigger];
    const bad = await run(t, 'naf-push', [...args, '--subscribers', other, '--timeout', '1.2']);
    t.is(bad.code, 3, bad.err);
    const told = ue.stderr.split('\n').filter((line) => line !== '');
    t.is(told.length, 1, ue.stderr);
    t.like(JSON.parse(told[0] ?? ''), {
      event: 'gba:trigger:refused',
      code: 'ERR_AKA_MAC_FAILURE',
    });
    const good = await run(t, 'naf-push', args);
    t.is(good.code, 0, good.err);
    t.like(jsonLines(ue.stdout)[1], { event: 'push', payload: 'x' });
  },
);

test.serial(
  'a TLS 1.2 key for a UE of TLS 1.3 alone is refused there, and 3 at the NAF',
  async (t) => {
    const state = ['--state', temporaryFolder(t)];
    const { ue, trigger } = await startUe(t, call, state);
    const args = ['send', UE, '-m', 'x', '--trigger', trigger, '--timeout', '0.8', ...state];
    const { code } = await run(t, 'naf-push', [...args, '--tls', '1.2']);
    t.is(code, 3);
    t.regex(
      ue.stderr,
      /"code":"ERR_GPI_POLICY".*uses no key for Ua security protocol id 010001ccac, TLS 1\.2 with ECDHE-PSK-CHACHA20-POLY1305/,
    );
    t.is((await run(t, 'naf-push', args)).code, 0);
  },
);

test.serial('each error code has an exit code of the table', (t) => {
  const codes = (['ERR_CHANNEL_TIMEOUT', 'ERR_BSF_DENIED', 'ERR_SA_EXPIRED'] as const).map(
    exitCodeOf,
  );
  t.deepEqual(codes, [3, 4, 5]);
  t.deepEqual((['ERR_PUSH_QUEUE_FULL', 'ERR_CONFIG_FILE'] as const).map(exitCodeOf), [7, 1]);
  t.deepEqual((['ERR_BSF_UNREACHABLE', 'ERR_BSF_BUSY'] as const).map(exitCodeOf), [3, 3]);
});

test.serial('the demo keys say of themselves that they are published', (t) => {
  for (const file of ['demo-subscribers.json', 'demo-usim.json']) {
    const text = readFileSync(packageFile(`certs-none/${file}`), 'utf8');
    t.like(JSON.parse(text), { demo: true });
  }
});
