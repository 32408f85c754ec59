import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { openKeyLog } from '../../src/net/keylog.ts';

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gba-push-'));
  t.teardown(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

const LINE = Buffer.from('CLIENT_RANDOM 00 11\n');

test('a key log is created for its owner alone and only ever grows', (t) => {
  const file = join(folder(t), 'keys.log');
  for (let run = 0; run < 2; run += 1) {
    const log = openKeyLog(file);
    log.write(LINE);
    log.close();
  }
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is(readFileSync(file, 'utf8'), LINE.toString().repeat(2));
});

for (const mode of [0o640, 0o604, 0o620]) {
  test(`a key log of mode ${mode.toString(8)} is refused`, (t) => {
    const file = join(folder(t), 'keys.log');
    writeFileSync(file, '');
    chmodSync(file, mode);
    t.throws(() => openKeyLog(file), { instanceOf: ConfigError, code: 'ERR_CONFIG_MODE' });
  });
}

test('a key log that is a symbolic link is refused, also a dangling one', (t) => {
  const at = folder(t);
  writeFileSync(join(at, 'target'), '', { mode: 0o600 });
  for (const target of ['target', 'nowhere']) {
    const link = join(at, `to-${target}`);
    symlinkSync(target, link);
    t.throws(() => openKeyLog(link), { instanceOf: ConfigError, code: 'ERR_CONFIG_MODE' });
  }
});

test('a key log in a folder that is not there is refused by name', (t) => {
  const file = join(folder(t), 'absent', 'keys.log');
  const error = t.throws(() => openKeyLog(file), { instanceOf: ConfigError });
  t.is(error.code, 'ERR_CONFIG_FILE');
  t.true(error.message.includes(file));
});
