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

/**
 * What a JSON file says. JSON.parse quotes the text around a fault, which may be a key, so what it says
 * is not passed on. @throws ConfigError ERR_CONFIG_FILE.
 */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError('ERR_CONFIG_FILE', `${file} ${faultOf(file, text)}`);
  }
}

function faultOf(file: string, text: string): string {
  if (text.startsWith('\ufeff')) {
    return 'starts with a byte order mark: save it as UTF-8 without one';
  }
  if (text.trim() === '') return 'is empty';
  return `is not JSON: run jq empty ${file} to see where`;
}

/** @throws ConfigError ERR_CONFIG_MODE when others can read the file. */
export function requirePrivate(file: string, { exposed }: SecretFile): void {
  if (!exposed) return;
  const reason = `${file} holds keys, and group or others can read it: run chmod 600 ${file}`;
  throw new ConfigError('ERR_CONFIG_MODE', reason);
}
