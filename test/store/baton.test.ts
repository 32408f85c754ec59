import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { StoreError } from '../../src/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openBaton } from '../../src/store/baton.ts';
import { temporaryFolder } from '../support/command.ts';
import { manualClock } from '../support/manual-clock.ts';

const onLinux = existsSync('/proc/self/ns/pid') ? test : test.skip;
const unavailable = { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' };
const DEAD = '999999999.1';

async function newFile(t: ExecutionContext): Promise<{ file: string; suffix: string[] }> {
  const file = join(temporaryFolder(t), 'table');
  writeFileSync(file, '');
  const held = await openBaton(file, systemClock).hold((path) => path);
  return { file, suffix: held.slice(file.length + 1).split('.') };
}

/** Lets timers fall due until the promise is settled. */
async function advanceUntilSettled<T>(held: Promise<T>, clock: ReturnType<typeof manualClock>) {
  let settled = false;
  const done = () => {
    settled = true;
  };
  held.then(done, done);
  for (let i = 0; i < 10_000 && !settled; i += 1) {
    clock.advance(20);
    await new Promise(setImmediate);
  }
  return held;
}

test('the file has its holder in its name while it is held, and its own afterwards', async (t) => {
  const { file } = await newFile(t);
  const baton = openBaton(file, systemClock);
  const folder = join(file, '..');
  const [path, during] = await baton.hold((path) => [path, readdirSync(folder)] as const);
  t.deepEqual(during, [path.slice(folder.length + 1)]);
  t.regex(path, new RegExp(`table\\.${process.pid}\\.`));
  t.deepEqual(readdirSync(folder), ['table']);
});

test('an action that throws gives the file back', async (t) => {
  const { file } = await newFile(t);
  const baton = openBaton(file, systemClock);
  const refusal = new RangeError('no');
  const thrown = await t.throwsAsync(
    baton.hold(() => {
      throw refusal;
    }),
  );
  t.is(thrown, refusal);
  t.is(await baton.hold(() => 'again'), 'again');
});

test('an action that starts another of the same file does not run into itself', async (t) => {
  const { file } = await newFile(t);
  const baton = openBaton(file, systemClock);
  const order: string[] = [];
  let inner: Promise<void> = Promise.resolve();
  await baton.hold(() => {
    inner = baton.hold(() => void order.push('inner'));
    order.push('outer');
  });
  await inner;
  t.deepEqual(order, ['outer', 'inner']);
});

test('what a dead holder left is taken over, with what it wrote', async (t) => {
  const { file, suffix } = await newFile(t);
  const [, , namespace = '', nonce = ''] = suffix;
  renameSync(file, `${file}.${DEAD}.${namespace}.${nonce}`);
  writeFileSync(`${file}.${DEAD}.${namespace}.${nonce}`, 'written');
  const text = await openBaton(file, systemClock).hold((path) => readFileSync(path, 'utf8'));
  t.is(text, 'written');
  t.deepEqual(readdirSync(join(file, '..')), ['table']);
});

test('a living holder keeps it, and the error names that process and what to do', async (t) => {
  const { file, suffix } = await newFile(t);
  const [pid = '', start = '', namespace = ''] = suffix;
  const held = `${file}.${pid}.${start}.${namespace}.${'0'.repeat(16)}`;
  renameSync(file, held);
  const clock = manualClock();
  const waiting = openBaton(file, clock).hold(() => 'robbed');
  const error = await t.throwsAsync(advanceUntilSettled(waiting, clock), unavailable);
  t.true(error.retryable);
  t.true(error.message.includes(`process ${pid} keeps ${file}`));
  t.true(error.message.includes(`rename ${held} to table`));
  t.true(existsSync(held));

  const patient = openBaton(file, clock).hold(() => 'mine');
  renameSync(held, file);
  t.is(await advanceUntilSettled(patient, clock), 'mine');
});

onLinux('a pid of another PID namespace is never judged', async (t) => {
  const { file, suffix } = await newFile(t);
  const [, , namespace = ''] = suffix;
  t.regex(namespace, /^\d+$/);
  const held = `${file}.${DEAD}.1${namespace}.${'0'.repeat(16)}`;
  renameSync(file, held);
  const clock = manualClock();
  const waiting = openBaton(file, clock).hold(() => 'robbed');
  await t.throwsAsync(advanceUntilSettled(waiting, clock), unavailable);
  t.true(existsSync(held));
});

test('a file that is gone is an error soon, and other files in its place do not count', async (t) => {
  const { file } = await newFile(t);
  for (const name of ['table.old', 'table.1.2.3', 'table~', `tables.${DEAD}.0.${'0'.repeat(16)}`]) {
    writeFileSync(join(file, '..', name), '');
  }
  rmSync(file);
  const clock = manualClock();
  const waiting = openBaton(file, clock).hold(() => 'found');
  const error = await t.throwsAsync(advanceUntilSettled(waiting, clock), unavailable);
  t.regex(error.message, /table is damaged: it is gone\. Restore/);
  t.false(error.retryable);
  t.true(clock.monotonic() < 5_000);
});

test('a holder that could not give the file back has it still', async (t) => {
  const { file } = await newFile(t);
  const baton = openBaton(file, systemClock);
  let held = '';
  const lost = baton.hold((path) => {
    held = path;
    renameSync(path, `${file}.away`);
  });
  await t.throwsAsync(lost, { code: 'ENOENT' });
  renameSync(`${file}.away`, held);
  t.is(await baton.hold(() => 'still'), 'still');
  t.deepEqual(readdirSync(join(file, '..')), ['table']);
});
