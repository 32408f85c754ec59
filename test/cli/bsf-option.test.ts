/** A NAF whose BSF is another process: what it prints, and how it ends when the BSF is away or says no. */
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import {
  call,
  jsonLines,
  startProcess,
  startUe,
  temporaryFolder,
  writeKeyFile,
  type Command,
} from '../support/command.ts';

const test = anyTest.serial;
const UE = '001010000000001';
const NOWHERE = 'udp://127.0.0.1:9';
const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
const key = 'cd'.repeat(32);
const identity = 'far.example.org';
const fqdns = ['naf.mnc001.mcc001.pub.3gppnetwork.org'];

interface Place {
  readonly folder: string;
  readonly socket: string;
  /** The files that a NAF shows, each right or wrong for what its name says. */
  readonly secrets: Readonly<Record<'token' | 'psk' | 'otherToken' | 'otherPsk', string>>;
  readonly nafs: string;
}

function place(t: ExecutionContext): Place {
  const folder = temporaryFolder(t);
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  };
  return {
    folder,
    socket: join(folder, 'bsf.sock'),
    secrets: {
      token: write('token', token),
      psk: write('psk', `${identity}:${key}`),
      otherToken: write('other-token', `${token}x`),
      otherPsk: write('other-psk', `${identity}:${'ab'.repeat(32)}`),
    },
    nafs: writeKeyFile(join(folder, 'nafs.json'), {
      nafs: [
        { name: 'near', token, fqdns },
        { name: 'far', psk: { identity, key }, fqdns },
      ],
    }),
  };
}

/** The BSF as a process, on all three ways; resolves with their addresses. */
async function startBsf(t: ExecutionContext, { folder, nafs, socket }: Place) {
  const bsf = startProcess(t, 'naf-push', [
    ...['bsf', '--json', '--nafs', nafs, '--state', join(folder, 'bsf')],
    ...['--listen', 'https://127.0.0.1:0', '--listen', 'http://127.0.0.1:0'],
    ...['--listen', `unix:${socket}`],
  ]);
  const line = await bsf.says(/\{"event":"ready".*\n/);
  const [https = '', http = '', unix = ''] = (JSON.parse(line) as { nbsp: string[] }).nbsp;
  return { bsf, https, http, unix };
}

function send(t: ExecutionContext, { folder }: Place, args: readonly string[]): Command {
  return call(t, 'naf-push', [
    ...['send', UE, '-m', 'hello', '--state', join(folder, 'naf')],
    ...args,
  ]);
}

test('over each way the push arrives, and neither keys nor sequence numbers of SIMs are in the NAF', async (t) => {
  const there = place(t);
  const { https, http, unix } = await startBsf(t, there);
  const { ue, trigger } = await startUe(t, call, ['--state', there.folder]);
  for (const [address, secret] of [
    [https, there.secrets.psk],
    [http, there.secrets.token],
    [unix, there.secrets.token],
  ] as const) {
    const naf = send(t, there, [
      ...['--bsf', address, '--bsf-secret', secret, '--trigger', trigger, '--json'],
    ]);
    t.is(await naf.ended, 0, naf.stderr);
    t.like(jsonLines(naf.stdout)[0], { state: 'acked', via: 'bootstrap' });
    t.is(naf.stderr, '');
  }
  t.is(jsonLines(ue.stdout).filter(({ event }) => event === 'push').length, 3);
  t.false(existsSync(join(there.folder, 'naf', 'hss')));
});

test('a wrong key, a wrong token and what the record does not give are 4, an unknown UE is 1', async (t) => {
  const there = place(t);
  const { https, unix } = await startBsf(t, there);
  const { secrets } = there;
  const cases: [string, string, string[], number, RegExp][] = [
    [https, secrets.otherPsk, [], 4, /the peer refused the key.*ERR_CHANNEL_REFUSED/],
    [unix, secrets.otherToken, [], 4, /the token is missing or not known \(ERR_BSF_DENIED/i],
    [unix, secrets.token, ['--naf', 'naf.example.org'], 4, /near the name naf\.example\.org/],
  ];
  for (const [address, secret, more, code, sentence] of cases) {
    const naf = send(t, there, [
      ...['--bsf', address, '--bsf-secret', secret, '--trigger', NOWHERE, '-q', ...more],
    ]);
    t.is(await naf.ended, code, naf.stderr);
    t.regex(naf.stderr, sentence);
    t.notRegex(naf.stderr + naf.stdout, new RegExp(`${token}|${key}`));
  }
  const unknown = call(t, 'naf-push', [
    ...['send', '001010000000009', '-m', 'x', '-q', '--trigger', NOWHERE],
    ...['--bsf', unix, '--bsf-secret', secrets.token, '--state', there.folder],
  ]);
  t.is(await unknown.ended, 1);
  t.regex(unknown.stderr, /no subscriber 001010000000009@.* \(ERR_BSF_UNKNOWN_SUBSCRIBER\)/);
});

test('a BSF that is away until patience ends is 3, and called that', async (t) => {
  const there = place(t);
  const silent = createServer((socket) => socket.on('error', () => undefined).resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const slow = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { psk, token: shown } = there.secrets;
  for (const [address, secret, reason] of [
    [`unix:${there.socket}`, shown, /ENOENT/],
    ['http://127.0.0.1:9', shown, /ECONNREFUSED/],
    ['https://127.0.0.1:9', psk, /ECONNREFUSED/],
    [`https://${slow}`, psk, /silent for 500 ms/],
    [`http://${slow}`, shown, /silent for 500 ms/],
  ] as const) {
    const naf = send(t, there, [
      ...['--bsf', address, '--bsf-secret', secret, '--trigger', NOWHERE, '--timeout', '0.5'],
    ]);
    t.is(await naf.ended, 3, address);
    t.regex(naf.stdout, /dead\(dropped\) {2}no answer from the BSF at .* \(ERR_BSF_UNREACHABLE\)/);
    t.regex(naf.stdout, reason);
    t.regex(naf.stderr, /no connection to the BSF at|^$/);
  }
});

test('a BSF that comes while a UE is looked for is asked then', async (t) => {
  const there = place(t);
  const { trigger } = await startUe(t, call, ['--state', there.folder]);
  const naf = send(t, there, [
    ...['--bsf', `unix:${there.socket}`, '--bsf-secret', there.secrets.token],
    ...['--trigger', trigger, '--timeout', '60'],
  ]);
  await naf.says(/no connection to the BSF at unix:/);
  await startBsf(t, there);
  t.is(await naf.ended, 0, naf.stderr);
  t.regex(naf.stdout, /acked {2}bootstrap/);
});

test('serve and sa announce take their keys from a BSF elsewhere too', async (t) => {
  const there = place(t);
  const { unix } = await startBsf(t, there);
  const from = ['--bsf', unix, '--bsf-secret', there.secrets.token];
  const { trigger } = await startUe(t, call, ['--state', there.folder]);
  const [fqdn = ''] = fqdns;
  const serve = call(t, 'naf-push', [
    ...[
      'serve',
      ...from,
      '--naf',
      fqdn,
      '--trigger',
      trigger,
      '--state',
      join(there.folder, 'naf'),
    ],
  ]);
  await serve.says(/serves at/);
  serve.write(`{"ue":"${UE}","message":"hello"}\n`);
  await serve.says(/acked {2}bootstrap/);
  serve.interrupt();
  t.is(await serve.ended, 130);

  const announce = call(t, 'naf-push', ['sa', 'announce', UE, ...from, '--json']);
  await announce.says(/"pskIdentity"/);
  announce.interrupt();
  t.is(await announce.ended, 130);
  t.like(jsonLines(announce.stdout)[0], { impi: `${UE}@ims.mnc001.mcc001.3gppnetwork.org` });

  const away = ['--bsf', 'http://127.0.0.1:9', '--bsf-secret', there.secrets.token];
  const alone = call(t, 'naf-push', ['sa', 'announce', UE, ...away]);
  t.is(await alone.ended, 3);
  t.regex(alone.stderr, /no answer from the BSF at http:\/\/127\.0\.0\.1:9: .*ERR_BSF_UNREACHABLE/);
});

test('mistakes are told before anybody is asked', async (t) => {
  const there = place(t);
  const { secrets, nafs } = there;
  const open = join(there.folder, 'open');
  writeFileSync(open, token, { mode: 0o644 });
  const unix = ['--bsf', `unix:${there.socket}`];
  const wrong: [string[], number, RegExp][] = [
    [unix, 2, /--bsf ADDRESS and --bsf-secret FILE go together/],
    [['--bsf-secret', secrets.token], 2, /go together/],
    [[...unix, '--bsf-secret', secrets.token, '--subscribers', nafs], 2, /cannot be used with/],
    [[...unix, '--bsf-secret', secrets.token, '--av', 'exec:x'], 2, /cannot be used with/],
    [['--bsf', 'http://192.0.2.1:80', '--bsf-secret', open], 2, /in clear text/],
    [['--bsf', 'ftp://127.0.0.1:1', '--bsf-secret', open], 2, /expected https:/i],
    [[...unix, '--bsf-secret', open], 1, /chmod 600 .*ERR_CONFIG_MODE/],
    [[...unix, '--bsf-secret', secrets.psk], 1, /IDENTITY:KEY is for https:/],
    [['--bsf', 'https://127.0.0.1:9', '--bsf-secret', secrets.token], 1, /expected IDENTITY:KEY/],
    [[...unix, '--bsf-secret', join(there.folder, 'absent')], 1, /cannot read/],
  ];
  for (const [args, code, message] of wrong) {
    const naf = send(t, there, [...args, '--trigger', NOWHERE]);
    t.is(await naf.ended, code, args.join(' '));
    t.regex(naf.stderr, message);
    t.notRegex(naf.stderr, new RegExp(`${token}|${key}`));
  }
  const serve = call(t, 'naf-push', ['serve', ...unix, '--bsf-secret', secrets.token]);
  t.is(await serve.ended, 1);
  t.regex(serve.stderr, /no UE is known yet: give this NAF a name \(--naf FQDN\)/);
});
