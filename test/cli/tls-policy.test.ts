/** `--tls-policy` of both commands. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { call, startUe, temporaryFolder, type CommandName } from '../support/command.ts';

const UE = '001010000000001';
const SUITE = 'TLS_CHACHA20_POLY1305_SHA256';

test('both commands take the policy of a file, and the rest from the package', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'policy.json');
  const groups = ['X25519MLKEM768', 'X25519'];
  writeFileSync(file, JSON.stringify({ groups, suites13: [SUITE] }));
  const more = ['--tls-policy', file, '--state', folder];
  const { trigger } = await startUe(t, call, more);
  const naf = call(t, 'naf-push', [
    ...['send', UE, '-m', 'x', '--trigger', trigger, '--json', '-v', ...more],
  ]);
  t.is(await naf.ended, 0);
  t.regex(naf.stderr, new RegExp(`"event":"gba:tls:secured".*"suite":"${SUITE}"`));
});

test('a policy that makes no sense, or is not there, ends the command with its name', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'policy.json');
  writeFileSync(file, '{"groups":["sect163k1"]}');
  const commands: [CommandName, string[]][] = [
    ['naf-push', ['send', UE, '-m', 'x']],
    ['ue-listen', ['--trigger', 'udp://127.0.0.1:0']],
  ];
  for (const [name, args] of commands) {
    for (const policy of [file, join(folder, 'nowhere.json')]) {
      const command = call(t, name, [...args, '--state', folder, '--tls-policy', policy]);
      t.is(await command.ended, 1);
      t.true(command.stderr.includes(policy), command.stderr);
    }
  }
});
