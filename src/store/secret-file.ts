/** Files that hold keys: who else may read one is known before it is used. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError, reasonOf } from '../errors.ts';

export interface SecretFile {
  readonly text: string;
  /** True when the mode lets group or others in. A pipe or terminal never counts as exposed. */
  readonly exposed: boolean;
}

/** @throws ConfigError ERR_CONFIG_FILE when it cannot be read. */
export function readSecretFile(file: string): SecretFile {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const status = fstatSync(descriptor);
    const exposed = status.isFile() && (status.mode & 0o077) !== 0;
    return { text: readFileSync(descriptor, 'utf8'), exposed };
  } catch (cause) {
    const reason = `cannot read ${file}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_FILE', reason, { cause });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** @throws ConfigError ERR_CONFIG_MODE when others can read the file. */
export function requirePrivate(file: string, { exposed }: SecretFile): void {
  if (!exposed) return;
  const reason = `${file} holds keys, and group or others can read it: run chmod 600 ${file}`;
  throw new ConfigError('ERR_CONFIG_MODE', reason);
}
