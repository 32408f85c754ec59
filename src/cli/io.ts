/** What a command may touch of its process; a test hands it something else. */
import type { Readable, Writable } from 'node:stream';

export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Exit codes of both commands (docs/operations.md lists them for users). */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  timeout: 3,
  authentication: 4,
  saUnknown: 5,
  partly: 6,
  expired: 7,
  interrupted: 130,
} as const;
