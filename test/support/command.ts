/** The commands as users run them: as processes of their own, or as functions on streams. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { CommandIo } from '../../src/cli/io.ts';
import { main as nafPush } from '../../src/cli/naf-push.ts';
import { main as ueListen } from '../../src/cli/ue-listen.ts';

export type CommandName = 'naf-push' | 'ue-listen';
export type Json = Readonly<Record<string, unknown>>;

export interface Command {
  readonly pid: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  write(text: string): void;
  endInput(): void;
  /** What a first Ctrl-C does. */
  interrupt(): void;
  /** Resolves with the exit code, or the signal that ended it, when all output is here. */
  readonly ended: Promise<number | string>;
  /** Resolves with the first match in both outputs, now or later; rejects when the command ends without. */
  says(pattern: RegExp): Promise<string>;
}

/** A new folder, removed at the end of the test. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-test-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A JSON file that only its owner can read, unless told otherwise. */
export function writeKeyFile(file: string, value: unknown, mode = 0o600): string {
  writeFileSync(file, JSON.stringify(value), { mode });
  return file;
}

/** Starts the command as a process of its own, which is killed, by its pid, when the test ends before it. */
export function startProcess(
  t: ExecutionContext,
  name: CommandName,
  args: readonly string[],
): Command & { readonly kill: () => void; readonly closeOutput: () => void } {
  const bin = fileURLToPath(new URL(`../../bin/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, bin, ...args]);
  const output = transcript();
  child.stdout.on('data', output.out);
  child.stderr.on('data', output.err);
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      output.end();
      resolve(code ?? String(signal));
    });
  });
  const kill = (): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  };
  t.teardown(kill);
  return Object.assign(output.command, {
    pid: child.pid,
    ended,
    kill,
    write: (text: string) => void child.stdin.write(text),
    endInput: () => void child.stdin.end(),
    interrupt: () => void child.kill('SIGINT'),
    closeOutput: () => void child.stdout.destroy(),
  });
}

export interface CallOptions {
  readonly env?: CommandIo['env'];
  /** All of stdin; left open when undefined. */
  readonly input?: string | Uint8Array;
}

/** Runs the same command in this process, interrupted when the test ends before it. */
export function call(
  t: ExecutionContext,
  name: CommandName,
  args: readonly string[],
  { env = {}, input }: CallOptions = {},
): Command {
  const output = transcript();
  const finish = new AbortController();
  const stdin = new PassThrough();
  if (input !== undefined) stdin.end(input);
  const main = name === 'naf-push' ? nafPush : ueListen;
  const io = { stdin, stdout: sink(output.out), stderr: sink(output.err), env };
  const ended = main(args, { ...io, signal: finish.signal }).then((code) => {
    output.end();
    return code;
  });
  t.teardown(async () => {
    finish.abort();
    await ended;
  });
  return Object.assign(output.command, {
    pid: undefined,
    ended,
    write: (text: string) => void stdin.write(text),
    endInput: () => void stdin.end(),
    interrupt: () => {
      finish.abort();
    },
  });
}

/** The JSON objects of a command's output, one a line; a last line that a kill cut short is left out. */
export function jsonLines(text: string): Json[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Json);
}

/** Starts `ue-listen --json` on a free port; resolves with it and its trigger address when it listens. */
export async function startUe(
  t: ExecutionContext,
  start: typeof call | typeof startProcess,
  args: readonly string[],
): Promise<{ ue: Command; trigger: string }> {
  const at = args.includes('--trigger') ? [] : ['--trigger', 'udp://127.0.0.1:0'];
  const ue = start(t, 'ue-listen', ['--json', ...at, ...args]);
  const line = await ue.says(/\{"event":"listening".*\n/);
  return { ue, trigger: (JSON.parse(line) as { trigger: string }).trigger };
}

function transcript() {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  const watchers = new Set<() => void>();
  let over = false;
  const look = (): void => {
    for (const watcher of watchers) watcher();
  };
  const command = {
    get stdout() {
      return Buffer.concat(out).toString();
    },
    get stderr() {
      return Buffer.concat(err).toString();
    },
    says: (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const watcher = (): void => {
          const [found] = pattern.exec(command.stdout) ?? pattern.exec(command.stderr) ?? [];
          if (found === undefined && !over) return;
          watchers.delete(watcher);
          if (found !== undefined) resolve(found);
          else reject(new Error(`ended without ${pattern}: ${command.stdout}${command.stderr}`));
        };
        watchers.add(watcher);
        watcher();
      }),
  };
  return {
    command,
    out: (chunk: Buffer) => {
      out.push(chunk);
      look();
    },
    err: (chunk: Buffer) => {
      err.push(chunk);
      look();
    },
    end: () => {
      over = true;
      look();
    },
  };
}

function sink(take: (chunk: Buffer) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(chunk);
      done();
    },
  });
}
