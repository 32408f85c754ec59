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
  ['an unknown TLS version', 'naf-push', ['send', UE, '-m', 'x', '--tls', '1.1'], /1\.3, 1\.2/],
  ['an unknown suite', 'naf-push', ['send', UE, '-m', 'x', '--suite', 'NULL'], /not NULL/],
  [
    'a suite of another version',
    'naf-push',
    ['send', UE, '-m', 'x', '--tls', '1.3', '--suite', 'PSK-AES128-GCM-SHA256'],
    /the policy for TLS 1\.3 has TLS_AES_128_GCM_SHA256/,
  ],
  [
    'a 1.3 suite for 1.2',
    'naf-push',
    ['send', UE, '-m', 'x', '--tls', '1.2', '--suite', 'TLS_AES_128_GCM_SHA256'],
    /the policy for TLS 1\.2 has ECDHE-PSK/,
  ],
  [
    'an SHA-384 suite',
    'naf-push',
    ['send', UE, '-m', 'x', '--suite', 'TLS_AES_256_GCM_SHA384'],
    /not TLS_AES_256/,
  ],
  ['a trigger over TCP', 'naf-push', ['send', UE, '-m', 'x', '--trigger', 'tcp://h:1'], /udp:/],
  [
    'a port that is none',
    'naf-push',
    ['send', UE, '-m', 'x', '--listen', '127.0.0.1:65536'],
    /host:port/,
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
