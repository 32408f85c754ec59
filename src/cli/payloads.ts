/** What `send` pushes: one text, one file, or the lines of a stream as they come. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ConfigError, reasonOf } from '../errors.ts';
import { utf8Bytes } from '../lib/bytes.ts';

export interface PayloadOptions {
  readonly message?: string;
  /** A path, or `-` for stdin. */
  readonly file?: string;
  readonly stdinLines?: boolean;
}

/** The payloads in order. @throws ConfigError ERR_CONFIG_FILE for a file that cannot be read. */
export async function* payloads(
  options: PayloadOptions,
  stdin: Readable,
): AsyncGenerator<Uint8Array> {
  if (options.message !== undefined) yield utf8Bytes(options.message);
  if (options.file !== undefined) yield await readAll(options.file, stdin);
  if (options.stdinLines === true) yield* lines(stdin);
}

/** The octets of each line without its newline; a last line needs none. */
export async function* lines(stream: Readable): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      const line = chunk.subarray(from, to);
      yield rest.length === 0 ? line : Buffer.concat([...rest, line]);
      rest = [];
      from = to + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

async function readAll(file: string, stdin: Readable): Promise<Uint8Array> {
  try {
    const stream = file === '-' ? stdin : createReadStream(file);
    return await buffer(stream);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_FILE', `cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}

const NEWLINE = 0x0a;
