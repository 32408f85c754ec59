/** What a NAF shows to a BSF elsewhere, out of a file that only its owner can read: a token, or a pre-shared key. */
import { ConfigError } from '../errors.ts';
import { fromHex, isHex } from '../lib/bytes.ts';
import { IDENTITY, IDENTITY_RULE, KEY_RULE, TOKEN, TOKEN_RULE, type NafProof } from './nafs.ts';
import { readSecretFile, requirePrivate } from './secret-file.ts';

/**
 * One line: the token, or `IDENTITY:KEY` with the key in hex, as `openssl` and others write PSK files.
 * @throws ConfigError ERR_CONFIG_FILE, which never quotes the line; ERR_CONFIG_MODE.
 */
export function readNafSecret(file: string, kind: 'token' | 'psk'): NafProof {
  const content = readSecretFile(file);
  requirePrivate(file, content);
  const line = content.text.replace(/\r?\n$/, '');
  if (kind === 'token') {
    if (TOKEN.test(line)) return { token: line };
    throw unfit(file, `${TOKEN_RULE}, the token of this NAF (IDENTITY:KEY is for https:)`);
  }
  const end = line.lastIndexOf(':');
  const [identity, key] = [line.slice(0, Math.max(end, 0)), line.slice(end + 1)];
  if (!IDENTITY.test(identity)) throw unfit(file, `IDENTITY:KEY, and of IDENTITY ${IDENTITY_RULE}`);
  if (!isHex(key, 32)) throw unfit(file, `IDENTITY:KEY, and of KEY ${KEY_RULE}`);
  return { identity, key: fromHex(key) };
}

function unfit(file: string, rule: string): ConfigError {
  return new ConfigError('ERR_CONFIG_FILE', `${file}: expected ${rule}`);
}
