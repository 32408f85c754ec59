/** The real process as a `CommandIo`: the first SIGINT or SIGTERM asks to finish, the second ends it. */
import { getSystemErrorMap } from 'node:util';
import { EXIT, type CommandIo } from './io.ts';

/** `command` is what lines about the process itself begin with. */
export function processIo(command: 'naf-push' | 'ue-listen'): CommandIo {
  const finish = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (finish.signal.aborted) process.exit(EXIT.interrupted);
      finish.abort();
    });
  }
  const { stdin, stdout, stderr, env } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isReaderGone(error)) {
      stderr.write(`${command}: cannot write to standard output: ${describe(error)}\n`);
    }
    endBy(error);
  });
  stderr.on('error', endBy);
  return { stdin, stdout, stderr, env, signal: finish.signal };
}

/** A reader that went away (`| head`) ends the command quietly, as it ends any other. */
function endBy(error: NodeJS.ErrnoException): void {
  process.exit(isReaderGone(error) ? EXIT.ok : EXIT.error);
}

function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE';
}

/** In the words of the system, without its call. */
function describe({ errno, message }: NodeJS.ErrnoException): string {
  const [, words] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return words ?? message;
}
