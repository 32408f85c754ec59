import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/errors.ts';
import type { HandledRecord } from '../../src/ports.ts';
import { openHandledLog, openMemoryHandledLog } from '../../src/store/handled-log.ts';
import { temporaryFolder } from '../support/command.ts';

const records = fc.array(
  fc.record<HandledRecord>({
    key: fc.stringMatching(/^naf\.example\/[A-Za-z0-9_-]{1,43}$/),
    digest: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((octets) => Buffer.from(octets).toString('base64url')),
    state: fc.constantFrom('started', 'done', 'refused', 'forgotten'),
    until: fc.nat({ max: 999_999_999_999_999 }),
  }),
  { minLength: 1, maxLength: 6 },
);

const record = (key: string, state: HandledRecord['state']): HandledRecord => ({
  key: `naf.example/${key}`,
  digest: '9'.repeat(43),
  state,
  until: 1_700_000_000_000,
});

test('what is appended is there after a restart, in order', (t) => {
  const folder = temporaryFolder(t);
  let file = 0;
  fc.assert(
    fc.property(records, records, (first, second) => {
      const path = join(folder, String((file += 1)), 'handled.log');
      const log = openHandledLog(path);
      t.deepEqual(log.recovered, []);
      log.append(first);
      log.append(second);
      log.close();
      const again = openHandledLog(path);
      t.deepEqual(again.recovered, [...first, ...second]);
      again.close();
    }),
    { numRuns: 50 },
  );
});

test('a crash in the middle of a line loses that line alone, however often it happens', (t) => {
  const path = join(temporaryFolder(t), 'handled.log');
  const whole = [record('a', 'started'), record('a', 'done')];
  const log = openHandledLog(path);
  log.append(whole);
  log.close();
  const { size } = statSync(path);
  for (let cut = 1; cut < 40; cut += 1) {
    const torn = openHandledLog(path);
    torn.append([record('torn', 'started')]);
    torn.close();
    truncateSync(path, size + cut);
    const again = openHandledLog(path);
    t.deepEqual(again.recovered, whole, `cut after ${cut}`);
    again.append([record('b', 'started')]);
    again.close();
    const healed = openHandledLog(path);
    t.deepEqual(healed.recovered, [...whole, record('b', 'started')]);
    healed.compact(whole);
    healed.close();
  }
});

test('a whole line that is no record is refused with the line and what to do', (t) => {
  const path = join(temporaryFolder(t), 'handled.log');
  const log = openHandledLog(path);
  log.append([record('a', 'done')]);
  log.close();
  const good = readFileSync(path, 'latin1');
  for (const bad of [
    'nonsense\n',
    '\n',
    good.replace(/^D/, 'X'),
    good.replace('naf', ' naf'),
    good.replace(' 17', ' -17'),
    `${good.slice(0, -1)} more\n`,
    'é'.repeat(99) + '\n',
  ]) {
    writeFileSync(path, good);
    appendFileSync(path, bad);
    const error = t.throws(() => openHandledLog(path), { instanceOf: StoreError });
    t.is(error.code, 'ERR_STORE_CORRUPT');
    t.regex(error.message, /handled\.log:2 is no record.*move the file away/);
  }
});

test('compacting leaves exactly what is live, and appending goes on', (t) => {
  const path = join(temporaryFolder(t), 'handled.log');
  const log = openHandledLog(path);
  log.append([record('a', 'started'), record('a', 'done'), record('b', 'started')]);
  log.compact([record('a', 'done')]);
  log.append([record('c', 'started')]);
  log.close();
  const again = openHandledLog(path);
  t.deepEqual(again.recovered, [record('a', 'done'), record('c', 'started')]);
  again.close();
});

test('a closed log writes nothing, whatever file has its descriptor by then', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'handled.log');
  const log = openHandledLog(path);
  log.append([record('a', 'started')]);
  log.close();
  const other = join(folder, 'other');
  const descriptor = openSync(other, 'w');
  t.throws(
    () => {
      log.append([record('a', 'done')]);
    },
    { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' },
  );
  t.throws(
    () => {
      log.compact([]);
    },
    { instanceOf: StoreError, code: 'ERR_STORE_UNAVAILABLE' },
  );
  log.close();
  closeSync(descriptor);
  t.is(readFileSync(other, 'latin1'), '');
  t.deepEqual(openHandledLog(path).recovered, [record('a', 'started')]);
});

test('only the owner can read it', (t) => {
  const path = join(temporaryFolder(t), 'state', 'handled.log');
  const log = openHandledLog(path);
  log.append([record('a', 'done')]);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(join(path, '..')).mode & 0o777, 0o700);
  log.compact([]);
  t.is(statSync(path).mode & 0o777, 0o600);
  log.close();
});

test('a place that cannot be written is an error that names it', (t) => {
  const error = t.throws(() => openHandledLog('/dev/null/handled.log'), { instanceOf: StoreError });
  t.is(error.code, 'ERR_STORE_UNAVAILABLE');
  t.regex(error.message, /\/dev\/null\/handled\.log/);
});

test('the log in memory forgets', (t) => {
  const log = openMemoryHandledLog();
  log.append([record('a', 'done')]);
  log.compact([]);
  log.close();
  t.deepEqual(log.recovered, []);
});
