import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { StoreError } from '../../src/errors.ts';
import { lockFolder } from '../../src/store/folder-lock.ts';
import { temporaryFolder } from '../support/command.ts';

async function holder(t: ExecutionContext, folder: string): Promise<[ChildProcess, string]> {
  const script = fileURLToPath(new URL('hold-lock.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, folder]);
  t.teardown(() => child.kill('SIGKILL'));
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return [child, chunk.toString()];
}

test('a folder has one holder at a time, and is free again when it gives it back', (t) => {
  const folder = join(temporaryFolder(t), 'new', 'state');
  const unlock = lockFolder(folder);
  t.is(statSync(folder).mode & 0o777, 0o700);
  const error = t.throws(() => lockFolder(folder), { instanceOf: StoreError });
  t.is(error.code, 'ERR_STORE_UNAVAILABLE');
  t.regex(error.message, new RegExp(`process ${process.pid} uses .*choose another --state`));
  unlock();
  unlock();
  lockFolder(folder)();
  t.deepEqual(readdirSync(folder), []);
});

test('of several that start at once over a dead holder exactly one gets the folder', async (t) => {
  const folder = temporaryFolder(t);
  const [first, said] = await holder(t, folder);
  t.is(said, 'held\n');
  t.throws(() => lockFolder(folder), { code: 'ERR_STORE_UNAVAILABLE' });
  first.kill('SIGKILL');
  await once(first, 'close');
  const answers = await Promise.all([1, 2, 3].map(() => holder(t, folder)));
  t.is(answers.filter(([, answer]) => answer === 'held\n').length, 1);
  t.is(answers.filter(([, answer]) => answer.includes('uses')).length, 2);
});

test('a lock that names no living process is taken over', (t) => {
  const folder = temporaryFolder(t);
  const reused = `${process.ppid} 1\n`;
  for (const text of ['', 'nonsense', '0\n', '-1\n', '999999999 1\n', reused]) {
    writeFileSync(join(folder, 'lock'), text);
    lockFolder(folder)();
    t.deepEqual(readdirSync(folder), []);
  }
});

test('a folder that cannot be made is an error that names it', (t) => {
  t.throws(() => lockFolder('/dev/null/state'), {
    instanceOf: StoreError,
    code: 'ERR_STORE_UNAVAILABLE',
    message: /\/dev\/null\/state/,
  });
});
