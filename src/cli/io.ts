/** What a command may touch of its process; a test hands it something else. */
import type { Readable, Writable } from 'node:stream';

export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user wants the command to finish what it has begun and end (first SIGINT or SIGTERM). */
  readonly signal?: AbortSignal;
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

/** One JSON object on a line of its own. */
export function writeJson(stream: Writable, value: object): void {
  stream.write(`${JSON.stringify(value)}\n`);
}

/** Text that came from elsewhere, safe for a terminal: control characters are shown, not obeyed. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    },
  );
}
