import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { BTid } from '../../src/ids.ts';
import { openEndedLog } from '../../src/store/ended-log.ts';
import { temporaryFolder } from '../support/command.ts';

const record = (n: number) => ({ bTid: `rand${n}@bsf.example` as BTid, endedAt: 1_000 + n });

test('what was appended is read by the next life, in order; nothing is there before', (t) => {
  const file = join(temporaryFolder(t), 'ended');
  const first = openEndedLog(file);
  t.deepEqual(first.read(), []);
  t.throws(() => statSync(file), { code: 'ENOENT' });
  for (const n of [1, 2, 3]) first.append(record(n));
  t.deepEqual(first.read(), [1, 2, 3].map(record));
  t.is(statSync(file).mode & 0o777, 0o600);
  // Not closed: that process was killed.
  const second = openEndedLog(file);
  second.append(record(4));
  t.deepEqual(openEndedLog(file).read(), [1, 2, 3, 4].map(record));
});

test('what takes its place is all there is', (t) => {
  const file = join(temporaryFolder(t), 'ended');
  const log = openEndedLog(file);
  for (const n of [1, 2, 3]) log.append(record(n));
  log.replace([record(3)]);
  log.append(record(4));
  t.deepEqual(log.read(), [3, 4].map(record));
  t.is(statSync(file).mode & 0o777, 0o600);
});

test('a line that a crash cut short is no record, and the next one is whole', (t) => {
  const file = join(temporaryFolder(t), 'ended');
  writeFileSync(file, '1001 rand1@bsf.example\n1002 ra');
  const log = openEndedLog(file);
  t.deepEqual(log.read(), [record(1)]);
  log.append(record(3));
  t.deepEqual(log.read(), [1, 3].map(record));
});

test('a damaged line is an error that says what to do: none is forgotten in silence', (t) => {
  const file = join(temporaryFolder(t), 'ended');
  openEndedLog(file).append(record(1));
  appendFileSync(file, 'yesterday rand2@bsf.example\n');
  t.throws(() => openEndedLog(file).read(), {
    code: 'ERR_STORE_CORRUPT',
    message: /ended:2 is no record .*: move the file away to start afresh/,
  });
});

test('a log that is closed, or cannot be written, throws and leaves the file whole', (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'ended');
  const log = openEndedLog(file);
  log.append(record(1));
  log.close();
  log.close();
  t.throws(() => log.append(record(2)), { code: 'ERR_STORE_UNAVAILABLE' });
  const never = openEndedLog(join(folder, 'never'));
  never.close();
  t.throws(() => never.append(record(1)), { code: 'ERR_STORE_UNAVAILABLE' });
  t.is(readFileSync(file, 'latin1'), '1001 rand1@bsf.example\n');
  const nowhere = openEndedLog(join(folder, 'gone', 'ended'));
  t.throws(() => nowhere.append(record(1)), { code: 'ERR_STORE_UNAVAILABLE' });
});
