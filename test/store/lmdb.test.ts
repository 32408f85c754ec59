import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { StoreError } from '../../src/errors.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { atomicStoreContract } from '../contract/atomic-store.ts';

const root = mkdtempSync(join(tmpdir(), 'gba-push-lmdb-'));
test.after.always(() => {
  rmSync(root, { recursive: true, force: true });
});

let folders = 0;
const newFolder = (): string => join(root, `${(folders += 1)}`, 'state');
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const unavailable = { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' };

atomicStoreContract(test, 'lmdb', () => openLmdbStore({ folder: newFolder(), name: 'a' }));
atomicStoreContract(test, 'lmdb with sync', () =>
  openLmdbStore({ folder: newFolder(), name: 'a', sync: true }),
);

/** A process that allots `count` SQNs in `folder` and prints their SEQ. */
function allotInChild(
  folder: string,
  count: number,
): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const script = fileURLToPath(new URL('allot-child.ts', import.meta.url));
  const args = ['--import=ts-blank-space/register', script, folder, `${count}`];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The whole lines of a child's output, as numbers; a line that the kill cut short is not one. */
function seqsIn(output: string): number[] {
  return output.split('\n').slice(0, -1).map(Number);
}

test('what was written is there after the store is opened again', async (t) => {
  const folder = newFolder();
  for (const expected of [undefined, 1, 2]) {
    const store = await openLmdbStore({ folder, name: 'a' });
    const found = await store.update('k', (stored) => ({
      value: Uint8Array.of((stored?.[0] ?? 0) + 1),
      result: stored?.[0],
    }));
    t.is(found, expected);
    await store.close();
  }
});

test('two stores of one folder in one process see each other, and closing one leaves the other', async (t) => {
  const folder = newFolder();
  const one = await openLmdbStore({ folder, name: 'a' });
  const two = await openLmdbStore({ folder, name: 'a' });
  await one.update('k', () => ({ value: Uint8Array.of(5), result: undefined }));
  const readK = (stored?: Uint8Array) => ({ value: undefined, result: stored?.[0] });
  t.is(await two.update('k', readK), 5);
  await two.close();
  await one.update('k', () => ({ value: Uint8Array.of(6), result: undefined }));
  t.is(await one.update('k', readK), 6);
  await one.close();
});

test('the folder is made 0700 and every file in it 0600', async (t) => {
  const folder = newFolder();
  const store = await openLmdbStore({ folder, name: 'a' });
  await store.update('k', () => ({ value: Uint8Array.of(1), result: undefined }));
  t.is(modeOf(folder), '700');
  const files = readdirSync(folder).sort();
  t.deepEqual(files, ['a.mdb', 'a.mdb-lock']);
  for (const file of files) t.is(modeOf(join(folder, file)), '600');
  await store.close();

  for (const file of files) chmodSync(join(folder, file), 0o644);
  await (await openLmdbStore({ folder, name: 'a' })).close();
  for (const file of files) t.is(modeOf(join(folder, file)), '600');
});

test('a folder that was there before keeps its mode', async (t) => {
  const folder = newFolder();
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(folder, 0o755);
  await (await openLmdbStore({ folder, name: 'a' })).close();
  t.is(modeOf(folder), '755');
});

test('a folder that cannot be made is an error that says what to do', async (t) => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  for (const folder of [file, join(file, 'state'), '/dev/null/state']) {
    const error = await t.throwsAsync(openLmdbStore({ folder, name: 'a' }), unavailable);
    t.true(error.message.includes(folder));
    t.regex(error.message, /Name a state folder/);
  }
});

test('an update that LMDB fails may be tried again, one of a closed store not', async (t) => {
  const store = await openLmdbStore({ folder: newFolder(), name: 'a' });
  const write = (key: string): Promise<void> =>
    store.update(key, () => ({ value: Uint8Array.of(1), result: undefined }));
  t.true((await t.throwsAsync(write('k'.repeat(10_000)), unavailable)).retryable);
  await t.notThrowsAsync(write('k'));
  await store.close();
  t.false((await t.throwsAsync(write('k'), unavailable)).retryable);
});

test('three processes that allot from one subscriber never get the same SQN', async (t) => {
  const folder = newFolder();
  const outputs = await Promise.all(
    [1, 2, 3].map(async () => {
      const child = allotInChild(folder, 300);
      const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
      return seqsIn(output);
    }),
  );
  const all = outputs.flat().sort((a, b) => a - b);
  t.deepEqual(
    all,
    Array.from({ length: 900 }, (_, i) => i + 1),
  );
});

test('a process that is killed while it allots leaves no SQN to be allotted again', async (t) => {
  const folder = newFolder();
  const seen: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    const child = allotInChild(folder, 1_000_000);
    let output = '';
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (seqsIn(output).length >= 50 + round) child.kill('SIGKILL');
    }
    t.is(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGKILL');
    const seqs = seqsIn(output);
    t.true(seqs.length >= 50);
    t.true((seqs[0] ?? 0) > (seen.at(-1) ?? 0));
    seen.push(...seqs);
  }
  t.is(new Set(seen).size, seen.length);
});
