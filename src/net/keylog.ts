/** A TLS key log in the NSS format, for a protocol analyser; only ever on explicit demand. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { ConfigError, reasonOf } from '../errors.ts';

/** Whoever reads it can read every layer that was opened meanwhile. */
export interface KeyLog {
  /** Appends one line, which ends in a newline. */
  readonly write: (line: Uint8Array) => void;
  /** Frees the file. */
  readonly close: () => void;
}

/**
 * Opens `file` for appending, and creates it for its owner alone (0600).
 * @throws ConfigError ERR_CONFIG_MODE when it is a symbolic link, no regular file, or one that others
 * may read or write; ERR_CONFIG_FILE when it cannot be opened.
 */
export function openKeyLog(file: string): KeyLog {
  const fd = open(file);
  const { mode } = fstatSync(fd);
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || (mode & 0o077) !== 0) {
    closeSync(fd);
    throw new ConfigError(
      'ERR_CONFIG_MODE',
      `the key log ${file} must be a regular file with mode 0600: chmod it or choose another name`,
    );
  }
  return {
    write: (line) => {
      writeSync(fd, line);
    },
    close: () => {
      closeSync(fd);
    },
  };
}

function open(file: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  try {
    return openSync(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ELOOP') {
      const reason = `the key log ${file} is a symbolic link: name the file itself`;
      throw new ConfigError('ERR_CONFIG_MODE', reason, { cause });
    }
    const reason = `cannot open the key log ${file}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_FILE', reason, { cause });
  }
}
