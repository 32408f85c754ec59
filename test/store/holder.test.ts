import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import test from 'ava';
import { isAlive, processName } from '../../src/store/holder.ts';

const onLinux = existsSync('/proc/self/stat') ? test : test.skip;

test('this process lives, and one that was killed does not', async (t) => {
  t.true(isAlive(processName()));
  const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1e5)']);
  await once(child, 'spawn');
  const name = processName(child.pid);
  t.true(isAlive(name));
  child.kill('SIGKILL');
  await once(child, 'close');
  t.false(isAlive(name));
});

test('text that names no process is of nobody alive', (t) => {
  for (const name of ['', 'nonsense', '0', '-1', '1.5 1', '999999999 1', 'NaN 1', ' 1']) {
    t.false(isAlive(name), name);
  }
});

onLinux('a pid that another process has by now is of nobody alive', (t) => {
  const [pid = '', startedAt = ''] = processName(process.ppid).split(' ');
  t.true(isAlive(`${pid} ${startedAt}`));
  t.false(isAlive(`${pid} ${Number(startedAt) - 1}`));
  t.false(isAlive(pid));
});

onLinux('a zombie has ended', async (t) => {
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60']);
  t.teardown(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const name = processName(Number(line.toString()));
  t.true(isAlive(name));
  const ended = async (): Promise<boolean> => {
    for (let i = 0; i < 500 && isAlive(name); i += 1) await new Promise((r) => setTimeout(r, 10));
    return !isAlive(name);
  };
  t.true(await ended());
  t.is(processName(Number(line.toString())), name, 'it is there still: nobody has asked after it');
});
