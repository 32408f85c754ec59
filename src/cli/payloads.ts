/** What `send` pushes: one text, one file, or the lines of a stream as they come. */
import { closeSync, constants, createReadStream, open, statSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { LONGEST_PUSH } from '../codec/push.ts';
import { ConfigError, GbaError, PushError, reasonOf } from '../errors.ts';
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';

export interface PayloadOptions {
  readonly message?: string;
  /** A path, or `-` for stdin. */
  readonly file?: string;
  readonly stdinLines?: boolean;
}

/** What is read of a payload before it is refused here, octets: more than `ue-listen` takes. */
const MOST = 2 * LONGEST_PUSH;

/**
 * The payloads in order. One of more than twice `LONGEST_PUSH` ends them; one that is only too long for its
 * UE is that UE's to refuse. An abort ends the reading of a file; of stdin, whoever owns it does.
 * @throws ConfigError ERR_CONFIG_FILE for a file that cannot be read, PushError ERR_PUSH_OVERSIZE.
 */
export async function* payloads(
  options: PayloadOptions,
  stdin: Readable,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (options.message !== undefined) yield utf8Bytes(options.message);
  if (options.file === '-') yield await readAll('stdin', () => stdin);
  else if (options.file !== undefined) {
    const { file } = options;
    yield await readAll(file, () => openFile(file, signal));
  }
  if (options.stdinLines === true) yield* lines(stdin);
}

/** What is wrong with a payload that is too long, after its name. */
export const OVERSIZE = `has more than ${MOST} octets, too many for a push (ue-listen takes ${LONGEST_PUSH})`;

/**
 * The octets of each line without its newline; a last line needs none. A line that is too long is passed
 * over where `passOver` is given its number; otherwise it ends them. @throws as `payloads`.
 */
export async function* lines(
  stream: Readable,
  passOver = (number: number): void => {
    throw tooLong(`line ${number}`);
  },
): AsyncGenerator<Uint8Array> {
  const line = new Payload();
  let number = 1;
  let isOver = false;
  const add = (part: Uint8Array): void => {
    if (isOver || line.add(part) <= MOST) return;
    isOver = true;
    line.take();
    passOver(number);
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, to));
      if (!isOver) yield line.take();
      isOver = false;
      number += 1;
      from = to + 1;
    }
    add(chunk.subarray(from));
  }
  if (line.length > 0) yield line.take();
}

async function readAll(
  name: string,
  source: () => Readable | Promise<Readable>,
): Promise<Uint8Array> {
  const payload = new Payload();
  try {
    for await (const chunk of (await source()) as AsyncIterable<Buffer>) {
      if (payload.add(chunk) > MOST) throw tooLong(name);
    }
  } catch (cause) {
    if (cause instanceof GbaError) throw cause;
    throw new ConfigError('ERR_CONFIG_FILE', `cannot read ${name}: ${reasonOf(cause)}`, { cause });
  }
  return payload.take();
}

/**
 * A file that `signal` ends at once. Of a FIFO both the opening and the reading wait for a writer where
 * nothing in Node can end them: the one is ended by a writer of our own, the other is left to a socket.
 */
async function openFile(file: string, signal: AbortSignal | undefined): Promise<Readable> {
  signal?.throwIfAborted();
  const isFifo = statSync(file).isFIFO();
  const beWriter = (): void => {
    open(file, constants.O_WRONLY | constants.O_NONBLOCK, (error, fd) => {
      if (error === null) closeSync(fd);
    });
  };
  if (isFifo) signal?.addEventListener('abort', beWriter);
  const fd = await promisify(open)(file, 'r');
  signal?.removeEventListener('abort', beWriter);
  return isFifo
    ? new Socket({ fd, readable: true, writable: false, signal })
    : createReadStream(file, { fd, signal });
}

function tooLong(name: string): PushError {
  return new PushError('ERR_PUSH_OVERSIZE', `${name} ${OVERSIZE}`);
}

/** Octets that come in parts. */
class Payload {
  #length = 0;
  #parts: Uint8Array[] = [];

  get length(): number {
    return this.#length;
  }

  /** Returns how many octets there are now. */
  add(part: Uint8Array): number {
    if (part.length > 0) this.#parts.push(part);
    this.#length += part.length;
    return this.#length;
  }

  /** All that was added since the last time; what came in one part is not copied. */
  take(): Uint8Array {
    const parts = this.#parts;
    this.#length = 0;
    this.#parts = [];
    return parts.length > 1 ? Buffer.concat(parts) : (parts[0] ?? EMPTY);
  }
}

const NEWLINE = 0x0a;
