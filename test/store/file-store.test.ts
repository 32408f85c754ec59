import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { StoreError } from '../../src/errors.ts';
import type { AtomicStore } from '../../src/ports.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { atomicStoreContract } from '../contract/atomic-store.ts';

const root = mkdtempSync(join(tmpdir(), 'gba-push-store-'));
test.after.always(() => {
  rmSync(root, { recursive: true, force: true });
});

let folders = 0;
const newFolder = (): string => join(root, `${(folders += 1)}`, 'state');
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const unavailable = { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' };

atomicStoreContract(test, 'file', () => openFileStore({ folder: newFolder(), name: 'a' }));
atomicStoreContract(test, 'file with sync', () =>
  openFileStore({ folder: newFolder(), name: 'a', sync: true }),
);

type Child = ChildProcess & { stdout: NodeJS.ReadableStream };

function spawnChild(script: string, args: readonly string[]): Child {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, [...process.execArgv, file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A process that allots `count` SQNs in `folder` and prints their SEQ. */
function allotInChild(folder: string, count: number): Child {
  return spawnChild('allot-child.ts', [folder, `${count}`]);
}

/** The whole lines of a child's output, as numbers; a line that the kill cut short is not one. */
function seqsIn(output: string): number[] {
  return output.split('\n').slice(0, -1).map(Number);
}

test('what was written is there after the store is opened again', async (t) => {
  const folder = newFolder();
  for (const expected of [undefined, 1, 2]) {
    const store = await openFileStore({ folder, name: 'a' });
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
  const one = await openFileStore({ folder, name: 'a' });
  const two = await openFileStore({ folder, name: 'a' });
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
  const store = await openFileStore({ folder, name: 'a' });
  await store.update('k', () => ({ value: Uint8Array.of(1), result: undefined }));
  t.is(modeOf(folder), '700');
  t.is(modeOf(join(folder, 'a')), '700');
  t.deepEqual(readdirSync(folder, { recursive: true }).sort(), ['a', 'a/table']);
  const file = join(folder, 'a', 'table');
  t.is(modeOf(file), '600');
  await store.close();

  chmodSync(file, 0o644);
  await (await openFileStore({ folder, name: 'a' })).close();
  t.is(modeOf(file), '600');
});

test('a folder that was there before keeps its mode', async (t) => {
  const folder = newFolder();
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(folder, 0o755);
  await (await openFileStore({ folder, name: 'a' })).close();
  t.is(modeOf(folder), '755');
});

test('a folder that cannot be made is an error that says what to do', async (t) => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  for (const folder of [file, join(file, 'state'), '/dev/null/state']) {
    const error = await t.throwsAsync(openFileStore({ folder, name: 'a' }), unavailable);
    t.true(error.message.includes(folder));
    t.regex(error.message, /name a state folder/);
  }
});

test('an update that the system fails may be tried again, one of a closed store not', async (t) => {
  const folder = newFolder();
  const store = await openFileStore({ folder, name: 'a' });
  const write = (key: string): Promise<void> =>
    store.update(key, () => ({ value: Uint8Array.of(1), result: undefined }));
  await write('k');
  renameSync(folder, `${folder}.away`);
  const error = await t.throwsAsync(write('k'), unavailable);
  t.true(error.retryable);
  t.regex(error.message, /gone \(ENOENT\)/);
  renameSync(`${folder}.away`, folder);
  await t.notThrowsAsync(write('k'));
  await store.close();
  t.false((await t.throwsAsync(write('k'), unavailable)).retryable);
});

test('a key or value that has no room is the mistake of the caller', async (t) => {
  const store = await openFileStore({ folder: newFolder(), name: 'a' });
  const write = (key: string, octets: number): Promise<void> =>
    store.update(key, () => ({ value: new Uint8Array(octets), result: undefined }));
  await t.throwsAsync(write('', 1), { instanceOf: RangeError });
  await t.throwsAsync(write('k', 1_016), { instanceOf: RangeError });
  await t.throwsAsync(write('k'.repeat(10_000), 1), { instanceOf: RangeError });
  await t.notThrowsAsync(write('k', 1_015));
});

test('a table grows for as many keys as come, and every store of it finds them all', async (t) => {
  const folder = newFolder();
  const stores = [
    await openFileStore({ folder, name: 'a' }),
    await openFileStore({ folder, name: 'a' }),
  ];
  const keys = Array.from({ length: 200 }, (_, i) => `hss/sqn/${i}`);
  for (const [i, key] of keys.entries()) {
    await stores[i % 2]?.update(key, () => ({ value: Uint8Array.of(i), result: undefined }));
  }
  stores.push(await openFileStore({ folder, name: 'a' }));
  for (const store of stores) {
    for (const [i, key] of keys.entries()) {
      t.is(await store.update(key, (stored) => ({ value: undefined, result: stored?.[0] })), i);
    }
  }
});

test('a store whose folder was moved away goes on with the one that came in its place', async (t) => {
  const folder = newFolder();
  const write = (store: AtomicStore, key: string): Promise<number | undefined> =>
    store.update(key, (stored) => ({ value: Uint8Array.of(1), result: stored?.[0] }));
  const old = await openFileStore({ folder, name: 'a' });
  for (let i = 0; i < 40; i += 1) await write(old, `${i}`);
  renameSync(folder, `${folder}.away`);
  const fresh = await openFileStore({ folder, name: 'a' });
  await write(fresh, 'first');
  t.deepEqual([await write(old, 'new'), await write(old, 'first')], [undefined, 1]);
  t.deepEqual([await write(old, '7'), await write(fresh, '7')], [undefined, 1]);
  t.is(await write(await openFileStore({ folder, name: 'a' }), 'new'), 1);
});

test('of many that make the same store at the same moment all have the same one', async (t) => {
  const folder = newFolder();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const threads = Array.from({ length: 4 }, () => {
    const script = new URL('make-at-once.ts', import.meta.url);
    return new Worker(script, { workerData: { folder, gate } });
  });
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  const counts = threads.map(async (thread) => {
    const [count] = (await once(thread, 'message')) as [number];
    return count;
  });
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  t.deepEqual((await Promise.all(counts)).sort(), [1, 2, 3, 4]);
  t.deepEqual(readdirSync(folder), ['a']);
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

test('a process that is killed inside its change leaves the store as it was, and to the next', async (t) => {
  const folder = newFolder();
  const store = await openFileStore({ folder, name: 'hss' });
  const next = (): Promise<number> =>
    store.update('n', (stored) => {
      const count = (stored?.[0] ?? 0) + 1;
      return { value: Uint8Array.of(count), result: count };
    });
  t.is(await next(), 1);
  const child = spawnChild('die-in-change.ts', [folder]);
  t.is((await once(child, 'exit'))[1], 'SIGKILL');
  t.regex(readdirSync(join(folder, 'hss')).join(), /^table\.\d+\./);
  t.is(await next(), 2);
  t.deepEqual(readdirSync(join(folder, 'hss')), ['table']);
});

test('two threads of one process never get the same SQN', async (t) => {
  const folder = newFolder();
  const script = new URL('allot-child.ts', import.meta.url);
  const outputs = await Promise.all(
    [1, 2].map(async () => {
      const thread = new Worker(script, { argv: [folder, '200'], stdout: true });
      const [output] = await Promise.all([text(thread.stdout), once(thread, 'exit')]);
      return seqsIn(output);
    }),
  );
  t.deepEqual(
    outputs.flat().sort((a, b) => a - b),
    Array.from({ length: 400 }, (_, i) => i + 1),
  );
});
