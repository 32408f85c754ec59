/** The key that wraps keys on disk: made once, kept in a file of its own, 0600. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../errors.ts';
import { fromHex, isHex, toHex } from '../lib/bytes.ts';
import { readSecretFile, requirePrivate } from './secret-file.ts';
import { codeOf, isSystemError, makeFolder, unusable } from './unusable.ts';

/**
 * 32 octets out of a file of 64 hex digits, which is made when it is not there. Kept apart from the
 * state folder, e.g. as a systemd credential, it makes a copy of that folder worthless.
 * @throws ConfigError ERR_CONFIG_FILE, ERR_CONFIG_MODE; StoreError ERR_STORE_UNAVAILABLE.
 */
export function openStoreKey(file: string): Uint8Array {
  try {
    if (!existsSync(file)) make(file);
  } catch (error) {
    throw isSystemError(error) ? unusable(file, error) : error;
  }
  const content = readSecretFile(file);
  requirePrivate(file, content);
  const text = content.text.trim();
  if (isHex(text, 32)) return fromHex(text);
  throw new ConfigError('ERR_CONFIG_FILE', `${file} is no store key: expected 64 hex digits`);
}

/** Whole or not at all, and whoever comes first makes it. */
function make(file: string): void {
  const draft = `${file}.${process.pid}.new`;
  makeFolder(dirname(file));
  try {
    writeFileSync(draft, `${toHex(randomBytes(32))}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
