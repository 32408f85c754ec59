/** Whatever becomes of the file, the store opens and tells the truth, or says what is wrong. */
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/errors.ts';
import { SLOT_OCTETS } from '../../src/store/slots.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { startProcess, temporaryFolder } from '../support/command.ts';

const unavailable = { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' };
const KEYS = Array.from({ length: 20 }, (_, i) => `hss/sqn/${i}`);
const PAGE = 4_096;

async function newTable(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const open = () => openFileStore({ folder, name: 'hss' });
  const store = await open();
  for (const [i, key] of KEYS.entries()) {
    await store.update(key, () => ({ value: Uint8Array.of(i, 1), result: undefined }));
  }
  const file = join(folder, 'hss', 'table');
  return { store, open, file, good: readFileSync(file) };
}

test('no octet of the file can change without the store refusing it', async (t) => {
  const { open, file, good } = await newTable(t);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, turn) => {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at) ^ turn, at);
        writeFileSync(file, bad);
        const error = await t.throwsAsync(open(), unavailable);
        t.regex(error.message, /hss\/table is damaged: .* move .*hss away/);
        t.false(error.retryable);
      },
    ),
    { numRuns: 300 },
  );
  writeFileSync(file, good);
  await t.notThrowsAsync(open());
});

test('a file that was cut short anywhere, or lacks a page, is refused', async (t) => {
  const { open, file, good } = await newTable(t);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), async (length) => {
      writeFileSync(file, good);
      truncateSync(file, length);
      await t.throwsAsync(open(), unavailable);
    }),
  );
  for (let length = 0; length < good.length; length += SLOT_OCTETS) {
    writeFileSync(file, good.subarray(0, length));
    await t.throwsAsync(open(), unavailable, `${length} octets`);
  }
  for (let page = 0; page < good.length / PAGE; page += 1) {
    for (const filling of [
      Buffer.alloc(PAGE),
      good.subarray(0, PAGE),
      good.subarray(PAGE, 2 * PAGE),
    ]) {
      const bad = Buffer.from(good);
      bad.set(filling, page * PAGE);
      writeFileSync(file, bad);
      if (bad.equals(good)) await t.notThrowsAsync(open());
      else await t.throwsAsync(open(), unavailable, `page ${page}`);
    }
  }
});

test('what was never a table is refused', async (t) => {
  const { open, file, good } = await newTable(t);
  const others = [
    Buffer.alloc(0),
    Buffer.alloc(good.length),
    Buffer.from('{"not": "a table"}\n'),
    readFileSync(process.execPath).subarray(0, 100_000),
    good.subarray(1_024),
  ];
  for (const other of others) {
    writeFileSync(file, other);
    await t.throwsAsync(open(), unavailable);
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 20_000, size: 'max' }), async (octets) => {
      writeFileSync(file, octets);
      await t.throwsAsync(open(), unavailable);
    }),
    { numRuns: 50 },
  );
  rmSync(file);
  await t.throwsAsync(open(), { ...unavailable, message: /it is gone/ });
  mkdirSync(file);
  await t.throwsAsync(open(), { ...unavailable, message: /a folder is in its place/ });
  rmSync(join(file, '..'), { recursive: true });
  writeFileSync(join(file, '..'), '');
  await t.throwsAsync(open(), { ...unavailable, message: /no folder/ });
});

test('damage that comes while the store is open is not read, and not written over', async (t) => {
  const { store, file, good } = await newTable(t);
  const increment = (key: string): Promise<number | undefined> =>
    store.update(key, (stored) => ({ value: Uint8Array.of(0xee), result: stored?.[0] }));
  const at = good.indexOf(`${KEYS[7] ?? ''}\u0007`) + (KEYS[7] ?? '').length;
  t.is(good[at], 7);
  const bad = Buffer.from(good);
  bad.writeUInt8(6, at);
  writeFileSync(file, bad);
  await t.throwsAsync(increment('hss/sqn/7'), { ...unavailable, message: /slot 8 does not fit/ });
  await t.throwsAsync(increment('hss/sqn/7'), unavailable);
  t.deepEqual(readFileSync(file), bad);
  truncateSync(file, 5_000);
  await t.throwsAsync(increment('hss/sqn/9'), { ...unavailable, message: /its end is missing/ });
  truncateSync(file, 0);
  await t.throwsAsync(increment('hss/sqn/new'), unavailable);
  t.is(readFileSync(file).length, 0);
});

test('both commands say which file is damaged, and exit with 1', async (t) => {
  const folder = temporaryFolder(t);
  const commands = [
    ['naf-push', ['001010000000001', '-m', 'x'], join(folder, 'hss')],
    ['ue-listen', ['--trigger', 'udp://127.0.0.1:0'], join(folder, 'ue-001010000000001', 'usim')],
  ] as const;
  for (const [name, args, home] of commands) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'table'), readFileSync(process.execPath).subarray(0, 50_000));
    const command = startProcess(t, name, [...args, '--state', folder]);
    t.is(await command.ended, 1);
    t.is(command.stdout, '');
    t.regex(command.stderr, /^[^\n]*\/table is damaged:[^\n]* \(ERR_STORE_UNAVAILABLE\)\n$/);
  }
});
