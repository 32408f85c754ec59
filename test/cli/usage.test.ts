import test, { type ExecutionContext } from 'ava';
import { call, temporaryFolder, type CommandName } from '../support/command.ts';

const UE = '001010000000001';

async function refusal(t: ExecutionContext, name: CommandName, args: readonly string[]) {
  const state = temporaryFolder(t);
  const command = call(t, name, args, { input: '', env: { GBA_PUSH_STATE: state } });
  const code = await command.ended;
  t.is(command.stdout, '', args.join(' '));
  return { code, said: command.stderr };
}

const mistakes: [string, CommandName, string[], RegExp][] = [
  ['a word that is nearly a command', 'naf-push', ['aak'], /did you mean the command aka\?/],
  [
    'a command with a slip and its arguments',
    'naf-push',
    ['sned', UE, '-m', 'x'],
    /did you mean the command send\?/,
  ],
  ['a text without its flag', 'naf-push', [UE, 'hello'], /the argument hello: a text is -m TEXT/],
  ['a word that is no UE', 'naf-push', ['somebody', '-m', 'x'], /a UE is an IMSI/i],
  ['too short an IMSI', 'naf-push', ['send', '12345', '-m', 'x'], /IMSI/],
  ['an IMSI with letters', 'naf-push', ['send', '00101000000000x', '-m', 'x'], /a UE is an IMSI/i],
  ['a malformed IMPI', 'naf-push', ['send', 'a@b@c', '-m', 'x'], /IMPI|domain|FQDN/],
  ['no UE', 'naf-push', ['send', '-m', 'x'], /missing required argument 'ue'/],
  ['nothing to push', 'naf-push', ['send', UE], /one of -m TEXT, -f FILE or -l/],
  [
    'two things to push',
    'naf-push',
    ['send', UE, '-m', 'x', '-l'],
    /one of -m TEXT, -f FILE or -l/,
  ],
  [
    'an unknown flag',
    'naf-push',
    ['send', UE, '-m', 'x', '--tsl', '1.3'],
    /Did you mean one of --tls/,
  ],
  [
    'a key that has ended before it is used',
    'naf-push',
    ['send', UE, '-m', 'x', '--lifetime', '1'],
    /whole number from 2 to 604800/,
  ],
  ['an unknown TLS version', 'naf-push', ['send', UE, '-m', 'x', '--tls', '1.1'], /1\.3, 1\.2/],
  ['two texts', 'naf-push', ['send', UE, '-m', 'x', '-m', 'y'], /Given twice: one call pushes one/],
  ['two files', 'naf-push', ['send', UE, '-f', 'x', '-f', 'y'], /Given twice: one call pushes one/],
  ['a file without a name', 'naf-push', ['send', UE, '-f', ''], /'' is invalid. Expected a path/],
  [
    'a state folder without a name',
    'naf-push',
    ['send', UE, '-m', 'x', '--state', ''],
    /'' is invalid. Expected a path/,
  ],
  [
    'a suite with a slip, of whichever version',
    'naf-push',
    ['send', UE, '-m', 'x', '--suite', 'psk-aes128-gcm-sha25'],
    /TLS 1\.3 has TLS_AES_128_.*; TLS 1\.2 has .*; did you mean PSK-AES128-GCM-SHA256\?/,
  ],
  [
    'an unknown suite for 1.2',
    'naf-push',
    ['send', UE, '-m', 'x', '--tls', '1.2', '--suite', 'NULL'],
    /^[^\n]*no suite NULL: TLS 1\.2 has ECDHE-PSK-CHACHA20-POLY1305, [^;]*PSK-AES128-CBC-SHA256\n/,
  ],
  [
    'a suite of another version',
    'naf-push',
    ['send', UE, '-m', 'x', '--tls', '1.3', '--suite', 'PSK-AES128-GCM-SHA256'],
    /no suite PSK-AES128-GCM-SHA256: TLS 1\.3 has TLS_AES_128_GCM_SHA256/,
  ],
  [
    'a 1.3 suite for 1.2',
    'naf-push',
    ['send', UE, '-m', 'x', '--tls', '1.2', '--suite', 'TLS_AES_128_GCM_SHA256'],
    /no suite TLS_AES_128_GCM_SHA256: TLS 1\.2 has ECDHE-PSK/,
  ],
  [
    'an SHA-384 suite',
    'naf-push',
    ['send', UE, '-m', 'x', '--suite', 'TLS_AES_256_GCM_SHA384'],
    /no suite TLS_AES_256/,
  ],
  ['a trigger over HTTP', 'naf-push', ['send', UE, '-m', 'x', '--trigger', 'http://h:1'], /udp:/],
  [
    'a port that is none',
    'naf-push',
    ['send', UE, '-m', 'x', '--listen', '127.0.0.1:65536'],
    /host:port/,
  ],
  [
    'a trigger to port 0',
    'naf-push',
    ['send', UE, '-m', 'x', '--trigger', 'udp://127.0.0.1:0'],
    /Port 0 is for listening/,
  ],
  [
    'port 0 for UEs to connect to',
    'naf-push',
    ['send', UE, '-m', 'x', '--advertise', '127.0.0.1:0'],
    /Port 0 is for listening/,
  ],
  ['a TTL below 0', 'naf-push', ['send', UE, '-m', 'x', '--ttl=-1'], /whole number from 0/],
  [
    'an urgency of its own',
    'naf-push',
    ['send', UE, '-m', 'x', '--urgency', 'huge'],
    /very-low, low, normal, high/,
  ],
  ['no time', 'naf-push', ['send', UE, '-m', 'x', '--timeout', '0'], /seconds above 0/],
  ['an association with nobody', 'naf-push', ['sa', 'announce'], /missing required argument 'ue'/],
  ['no pushes to wait for', 'ue-listen', ['-C', '0'], /whole number from 1/],
  ['a format without a meaning', 'ue-listen', ['-F', '%z'], /"%z" has no meaning/],
  ['an unknown TLS version at the UE', 'ue-listen', ['--tls', '1.1'], /1\.3, 1\.2, any/],
  [
    'a file that no option takes',
    'ue-listen',
    ['my-sim.json'],
    /--usim my-sim\.json, .*--exec PROGRAM -- my-sim\.json/,
  ],
  ['a program without a name', 'ue-listen', ['--exec', ''], /'' is invalid. Expected a path/],
  ['a format for JSON', 'ue-listen', ['-F', '%p', '--json'], /cannot be used with option '--json'/],
  [
    'a format for a program',
    'ue-listen',
    ['-F', '%p', '--exec', '/bin/cat'],
    /cannot be used with option '--exec/,
  ],
  [
    'port 0 for triggers to come to',
    'ue-listen',
    ['--advertise', 'udp://127.0.0.1:0'],
    /Port 0 is for listening/,
  ],
  [
    'the key of a card that has none',
    'ue-listen',
    ['--gba-u-key', 'internal', '--trigger', 'udp://127.0.0.1:0'],
    /^ue-listen: --gba-u-key internal: this SIM has no GBA_U, so it has no Ks_int_NAF; [^\n]*\n$/,
  ],
  [
    'the key that a card keeps',
    'ue-listen',
    ['--gba-u-key', 'internal', '--usim', 'exec:/bin/cat'],
    /a card behind a program keeps Ks_int_NAF to itself/,
  ],
  ['a trigger address that is none', 'ue-listen', ['--trigger', 'nowhere'], /host:port/],
];

for (const [what, name, args, words] of mistakes) {
  test(`${what} is a usage error in words`, async (t) => {
    const { code, said } = await refusal(t, name, args);
    t.is(code, 2, said);
    t.regex(said, words);
    t.notRegex(said, /\n\s+at /, 'no stack');
  });
}

test('a word that is no UE is called what it is, not by the parser', async (t) => {
  const { said } = await refusal(t, 'naf-push', ['somebody', '-m', 'x']);
  t.true(said.startsWith("naf-push: 'somebody' is invalid. A UE is an IMSI"), said);
});

test('nothing at all is answered with the help, and is a mistake', async (t) => {
  const { code, said } = await refusal(t, 'naf-push', []);
  t.is(code, 2);
  t.regex(said, /^Usage: naf-push [^]*Examples:/);
});

test('seconds may begin with their point', async (t) => {
  const args = ['-W', '.1', '--trigger', 'udp://127.0.0.1:0'];
  const { code, said } = await refusal(t, 'ue-listen', args);
  t.is(code, 3, said);
});

test('help and version are no mistakes', async (t) => {
  for (const name of ['naf-push', 'ue-listen'] as const) {
    const help = call(t, name, ['--help']);
    t.is(await help.ended, 0);
    t.regex(help.stdout, new RegExp(`Usage: ${name}`));
    const version = call(t, name, ['--version']);
    t.is(await version.ended, 0);
    t.regex(version.stdout, /^\d+\.\d+\.\d+\n$/);
  }
});
