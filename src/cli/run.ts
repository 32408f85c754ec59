/** Runs one command line: errors become one clear line on stderr and the exit code of design 11. */
import { CommanderError, type Command, type CommandOptions } from 'commander';
import { GbaError, type GbaErrorCode, reasonOf } from '../errors.ts';
import { EXIT, type CommandIo } from './io.ts';

/** Thrown by a command to end with this exit code; the message, if any, goes to stderr. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message = '') {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The program with its output bound to `io` and no call of process.exit anywhere. */
export function bindOutput(program: Command, io: CommandIo): Command {
  return program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => {
        write(
          text
            .replace(/^error: /, `${program.name()}: `)
            .replace(
              /command-argument value ('[^]*') is invalid for argument '\w+'/,
              '$1 is invalid',
            ),
        );
      },
    })
    .showHelpAfterError(`(try '${program.name()} --help')`);
}

/** Adds a command whose usage errors lead to its own help. */
export function subcommand(parent: Command, name: string, options: CommandOptions = {}): Command {
  const names = [name];
  for (let one: Command | null = parent; one !== null; one = one.parent) names.unshift(one.name());
  return parent.command(name, options).showHelpAfterError(`(try '${names.join(' ')} --help')`);
}

/** Runs a check of the command line: what it throws is the user's mistake, exit code 2. */
export function usageError<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new CommandFailure(EXIT.usage, reasonOf(error));
  }
}

/** Parses `argv` (without node and script) and runs it. Resolves with the exit code; never throws. */
export async function run(
  program: Command,
  argv: readonly string[],
  io: CommandIo,
): Promise<number> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof CommandFailure) {
      if (error.message !== '') io.stderr.write(`${program.name()}: ${error.message}\n`);
      return error.exitCode;
    }
    if (io.signal?.aborted === true && !(error instanceof GbaError)) return EXIT.interrupted;
    io.stderr.write(`${program.name()}: ${describe(error)}\n`);
    return exitCodeFor(error);
  }
}

/** What an error means to a shell. */
export function exitCodeFor(error: unknown): number {
  return error instanceof GbaError ? exitCodeOf(error.code) : EXIT.error;
}

/** An error as one line for people. */
export function describe(error: unknown): string {
  return error instanceof GbaError ? `${error.message} (${error.code})` : reasonOf(error);
}

/** What an error code means to a shell. */
export function exitCodeOf(code: GbaErrorCode): number {
  switch (code) {
    case 'ERR_CHANNEL_TIMEOUT':
    case 'ERR_BSF_UNREACHABLE':
    case 'ERR_BSF_BUSY':
      return EXIT.timeout;
    case 'ERR_BSF_DENIED':
    case 'ERR_AKA_MAC_FAILURE':
    case 'ERR_CHANNEL_REFUSED':
    case 'ERR_CHANNEL_CERTIFICATE':
      return EXIT.authentication;
    case 'ERR_SA_UNKNOWN':
    case 'ERR_SA_EXPIRED':
    case 'ERR_SA_REVOKED':
      return EXIT.saUnknown;
    case 'ERR_PUSH_QUEUE_FULL':
      return EXIT.expired;
    default:
      return EXIT.error;
  }
}
