/** What `ue-listen` does with a push: print it, or run a program for it; and how many it takes. */
import { NotNow, type PushHandler } from '../ue/push-handler.ts';
import { requireProgram, runHandler } from './exec.ts';
import { EXIT, jsonLine, writeJson, writeThrough, type CommandIo } from './io.ts';
import { pushFormat, pushJson } from './push-format.ts';
import { CommandFailure, usageError } from './run.ts';

export interface HandlerOptions {
  /** The program to run, instead of printing. */
  readonly exec?: string;
  readonly format: string;
  readonly json?: boolean;
}

/**
 * Prints the push, or runs the program; either way the push is handled when it returns, and not before.
 * @throws CommandFailure for bad usage, ConfigError ERR_CONFIG_FILE for a program that cannot be run.
 */
export function handlerFor(
  args: readonly string[],
  options: HandlerOptions,
  io: CommandIo,
): PushHandler {
  const { exec, json, format } = options;
  const [first] = args;
  if (exec === undefined && first !== undefined) {
    throw new CommandFailure(
      EXIT.usage,
      `nothing takes the argument ${first}: a USIM file is --usim ${first}, a handler with arguments ` +
        `--exec PROGRAM -- ${args.join(' ')}`,
    );
  }
  if (exec !== undefined) requireProgram('--exec ', exec, io.env['PATH']);
  const print = usageError(() => pushFormat(format, io.stdout.isTTY === true));
  return async (push) => {
    if (exec === undefined) {
      const line = json === true ? jsonLine(pushJson(push)) : print(push);
      await writeThrough(io.stdout, line).catch(() => {
        throw new NotNow();
      });
      return;
    }
    const output = json === true ? io.stderr : io.stdout;
    await runHandler([exec, ...args], push, { env: io.env, stderr: io.stderr, output });
    if (json === true) writeJson(io.stdout, pushJson(push));
  };
}

/** After `count` pushes the command ends; one that comes later is left for the next run. */
export function countdown(
  handler: PushHandler,
  count: number | undefined,
  finish: AbortController,
): PushHandler {
  if (count === undefined) return handler;
  let left = count;
  return async (push) => {
    if (left === 0) throw new NotNow(1_000);
    left -= 1;
    try {
      await handler(push);
    } catch (error) {
      if (error instanceof NotNow) left += 1;
      throw error;
    } finally {
      if (left === 0) finish.abort();
    }
  };
}
