/** A state folder on a file system that is full or read-only; each is mounted for one child process. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryFolder } from '../support/command.ts';

const FULL = 'mount -t tmpfs -o size=64k none "$1" && ! head -c 70000 /dev/zero >"$1/filling"';
const NEARLY_FULL = 'mount -t tmpfs -o size=64k none "$1" && head -c 52000 /dev/zero >"$1/filling"';
const SMALL = 'mount -t tmpfs -o size=64k none "$1"';
const READ_ONLY = 'mount -t tmpfs -o ro none "$1"';

/** Where a user may not mount anything, there is no full disk to try. */
const whereMountsAreAllowed = inMount(SMALL, tmpdir(), 'true').status === 0 ? test : test.skip;

/** Runs a program that sees `folder` as `mount` makes it. */
function inMount(mount: string, folder: string, program: string, ...args: string[]) {
  const script = `{ ${mount}; } 2>/dev/null && shift && exec "$@"`;
  const argv = ['-rm', 'sh', '-c', script, 'sh', folder, program, ...args];
  return spawnSync('unshare', argv, { encoding: 'utf8', timeout: 20_000 });
}

function runIn(mount: string, folder: string, script: string, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../${script}`, import.meta.url));
  return inMount(mount, folder, process.execPath, ...process.execArgv, file, ...args);
}

const commands = {
  'naf-push': ['001010000000001', '-m', 'x'],
  'ue-listen': ['--trigger', 'udp://127.0.0.1:0', '-W', '1'],
};

for (const [what, mount, fault, ...below] of [
  ['full', FULL, 'the disk is full \\(ENOSPC\\)'],
  ['nearly full', NEARLY_FULL, 'the disk is full \\(ENOSPC\\)'],
  ['read-only', READ_ONLY, 'its file system is read-only \\(EROFS\\)', 'not', 'there', 'yet'],
] as const) {
  whereMountsAreAllowed(`on a ${what} disk both commands say so, and exit with 1`, (t) => {
    for (const [name, args] of Object.entries(commands)) {
      const folder = temporaryFolder(t);
      const state = join(folder, ...below);
      const run = runIn(mount, folder, `bin/${name}.ts`, ...args, '--state', state);
      t.is(run.status, 1, `${name} ended by ${run.signal ?? run.stderr}`);
      t.is(run.stdout, '');
      const line = `^${name}: cannot use ${state}/[^\n]*: ${fault}\\. Put that right, [^\n]*\\(ERR_STORE_UNAVAILABLE\\)\n$`;
      t.regex(run.stderr, new RegExp(line));
    }
  });
}

whereMountsAreAllowed(
  'a disk that fills up stops new keys alone, until there is room again',
  (t) => {
    const folder = temporaryFolder(t);
    const run = runIn(SMALL, folder, 'test/store/fill-disk.ts', folder);
    t.is(run.stderr, '');
    t.is(run.signal, null);
    const message = `cannot use ${folder}/hss/table: the disk is full (ENOSPC). Put that right, or name a state folder elsewhere on a local disk`;
    const error = { code: 'ERR_STORE_UNAVAILABLE', message, retryable: true };
    t.deepEqual(JSON.parse(run.stdout), {
      nearlyFull: { made: 14, error },
      full: { made: 0, error },
      old: 101,
      freed: { made: 30 },
      kept: 101,
    });
  },
);

const whenNotRoot = process.getuid?.() === 0 ? test.skip : test;

whenNotRoot('a folder that this user may not write is an error that says so', (t) => {
  const folder = join(temporaryFolder(t), 'state');
  mkdirSync(folder, { mode: 0o500 });
  for (const [name, args] of Object.entries(commands)) {
    const bin = fileURLToPath(new URL(`../../bin/${name}.ts`, import.meta.url));
    const argv = [...process.execArgv, bin, ...args, '--state', folder];
    const run = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 20_000 });
    t.is(run.status, 1);
    t.regex(run.stderr, /this user may not write there \(EACCES\)/);
  }
  chmodSync(folder, 0o700);
});
