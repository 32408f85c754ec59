/** `--keylog`: opens the file, and warns of what it means. */
import { openKeyLog, type KeyLog } from '../net/keylog.ts';
import type { CommandIo } from './io.ts';

/** The key log that the user asked for, if any. @throws ConfigError ERR_CONFIG_FILE, ERR_CONFIG_MODE. */
export function keyLogFor(
  file: string | undefined,
  command: string,
  io: CommandIo,
): KeyLog | undefined {
  if (file === undefined) return undefined;
  const keylog = openKeyLog(file);
  io.stderr.write(`${command}: TLS secrets go to ${file}: whoever reads it reads every push\n`);
  return keylog;
}
