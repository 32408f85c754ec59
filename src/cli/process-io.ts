/** The real process as a `CommandIo`: the first SIGINT or SIGTERM asks to finish, the second ends it. */
import { EXIT, type CommandIo } from './io.ts';

export function processIo(): CommandIo {
  const finish = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (finish.signal.aborted) process.exit(EXIT.interrupted);
      finish.abort();
    });
  }
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  const { stdin, stdout, stderr, env } = process;
  return { stdin, stdout, stderr, env, signal: finish.signal };
}

/** A reader that went away (`| head`) ends the command quietly, as it ends any other. */
function onOutputError(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.error);
}
