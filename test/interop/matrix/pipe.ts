/** A peer as a process: octets in and out of its TLS, and what it says of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import type { ExecutionContext } from 'ava';

/** How a peer is started. */
export interface Launch {
  readonly command: readonly [program: string, ...args: string[]];
  /** What it reads before the octets for its TLS. */
  readonly input?: string;
  /** What it prints to stdout before the octets of its TLS. */
  readonly preamble?: RegExp;
  /** Where a server listens, in its own words; default `listening: PORT`. */
  readonly listening?: RegExp;
  /** What it must say of the suite and the group that were agreed. */
  readonly tells: readonly RegExp[];
}

export interface Pipe {
  readonly stream: Duplex;
  /** All that it has said so far, without the octets of its TLS. */
  readonly said: () => string;
  /** Resolves with the first match, or undefined when it has ended without. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray | undefined>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Ends it if it has not ended; resolves as `ended` does. */
  readonly kill: () => Promise<number | string>;
}

/** Starts it; killed, by its pid, at the end of the test. */
export function openPipe(t: ExecutionContext, { command, input, preamble }: Launch): Pipe {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, LC_ALL: 'C' },
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  const out = new PassThrough();
  const watchers = new Set<() => void>();
  let [said, over] = ['', false];
  let awaited = preamble;
  const hear = (text: string): void => {
    said += text;
    for (const watcher of watchers) watcher();
  };
  child.stderr.on('data', (chunk: Buffer) => {
    hear(chunk.toString());
  });
  let head = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (awaited === undefined) return void out.write(chunk);
    head += chunk.toString('latin1');
    const found = awaited.exec(head);
    hear(chunk.toString('latin1'));
    if (found === null) return;
    awaited = undefined;
    out.write(Buffer.from(head.slice(found.index + found[0].length), 'latin1'));
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      out.end();
      hear(`\nended: ${code ?? signal}\n`);
      resolve(code ?? String(signal));
    });
    child.once('error', (error) => {
      hear(`cannot be started: ${error.message}\n`);
    });
  });
  const kill = (): Promise<number | string> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    return ended;
  };
  t.teardown(async () => {
    await kill();
  });
  if (input !== undefined) child.stdin.write(input);
  return {
    stream: Duplex.from({ readable: out, writable: child.stdin }).on('error', () => undefined),
    said: () => said,
    says: (pattern) =>
      new Promise((resolve) => {
        const watcher = (): void => {
          const found = pattern.exec(said) ?? undefined;
          if (found === undefined && !over) return;
          watchers.delete(watcher);
          resolve(found);
        };
        watchers.add(watcher);
        watcher();
      }),
    ended,
    kill,
  };
}

/** The clear side of a peer that relays it over TCP: where to, and the connection once it comes. */
export async function openPlain(
  t: ExecutionContext,
): Promise<{ readonly port: number; readonly connection: Promise<Socket> }> {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const connection = new Promise<Socket>((resolve) => {
    server.once('connection', (socket: Socket) => {
      t.teardown(() => socket.destroy());
      resolve(socket.on('error', () => undefined));
    });
  });
  return { port: (server.address() as AddressInfo).port, connection };
}

/** For a peer that neither goes on nor ends. */
const PATIENCE_MS = 30_000;
