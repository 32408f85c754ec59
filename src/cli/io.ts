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

/** One JSON object on a line of its own; C1 control characters, which a terminal may obey, as escapes. */
export function jsonLine(value: object): string {
  const json = JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
  );
  return `${json}\n`;
}

export function writeJson(stream: Writable, value: object): void {
  stream.write(jsonLine(value));
}

/** Resolves when the operating system has it: what is written then outlives this process. */
export async function writeThrough(stream: Writable, chunk: Uint8Array | string): Promise<void> {
  const written = new Promise<void>((resolve, reject) => {
    stream.write(chunk, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  if (stream.writableLength > 0) await written;
  else written.catch(() => undefined);
}

/** Text that came from elsewhere, safe for a terminal: control characters are shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' || character === '\t'
      ? character
      : `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** Resolves at the abort; never without one. */
export function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => {
      resolve();
    });
  });
}
