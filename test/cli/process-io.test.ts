import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryFolder, type CommandName } from '../support/command.ts';

/** Runs a script of bash in which `"$@"` is the command. */
async function inShell(script: string, name: CommandName, args: readonly string[], input = '') {
  const bin = fileURLToPath(new URL(`../../bin/${name}.ts`, import.meta.url));
  const command = [process.execPath, ...process.execArgv, bin, ...args];
  const shell = spawn('bash', ['-c', script, 'bash', ...command]);
  shell.stdin.on('error', () => undefined).end(input);
  const said = Promise.all([text(shell.stdout), text(shell.stderr)]);
  const [code] = (await once(shell, 'close')) as [number | null];
  const [stdout, stderr] = await said;
  return { code, stdout, stderr };
}

(existsSync('/dev/full') ? test : test.skip)(
  'a standard output that takes no more is 1, with one line that says why',
  async (t) => {
    const listen = ['--json', '--trigger', 'udp://127.0.0.1:0', '--state', temporaryFolder(t)];
    for (const [name, args] of [
      ['naf-push', ['--help']],
      ['ue-listen', listen],
    ] as const) {
      const { code, stderr } = await inShell('"$@" > /dev/full', name, args);
      t.is(code, 1);
      t.is(stderr, `${name}: cannot write to standard output: no space left on device\n`);
    }
  },
);

test('a reader that goes away ends a command quietly, with 0', async (t) => {
  // Far more receipts than a pipe holds.
  const lines = 'x\n'.repeat(5_000);
  const args = ['send', '001010000000001', '-l', '--ttl', '0', '--json'];
  const { code, stdout, stderr } = await inShell(
    '"$@" | head -n 1; exit "${PIPESTATUS[0]}"',
    'naf-push',
    [...args, '--state', temporaryFolder(t)],
    lines,
  );
  t.is(code, 0);
  t.is(stdout.split('\n').length, 2);
  t.is(stderr, '');
});
