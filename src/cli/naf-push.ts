/** The command `naf-push`: what a network application does. */
import { Command } from 'commander';
import { addAkaCommand } from './aka.ts';
import { addBenchCommand } from './bench.ts';
import { addBsfCommand } from './bsf.ts';
import { addInspectCommand } from './inspect.ts';
import { addDemoCommand } from './demo.ts';
import { EXIT, type CommandIo } from './io.ts';
import { bindOutput, run } from './run.ts';
import { addSaCommand } from './sa.ts';
import { addSendCommand } from './send.ts';
import { addServeCommand } from './serve.ts';
import { packageVersion } from './version.ts';

/** Runs `naf-push` with these arguments. Resolves with the exit code; never throws. */
export function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const program = bindOutput(new Command('naf-push'), io)
    .description('Push to a device that has a SIM and nothing else (3GPP GBA Push, TLS-PSK, CoAP).')
    .version(packageVersion())
    .usage(
      '[options] <command>\n       naf-push <ue> -m TEXT        (short for: naf-push send <ue> -m TEXT)',
    )
    .addHelpText('after', EXAMPLES);
  addSendCommand(program, io);
  addServeCommand(program, io);
  addBsfCommand(program, io);
  addSaCommand(program, io);
  addAkaCommand(program, io);
  addInspectCommand(program, io);
  addBenchCommand(program, io);
  addDemoCommand(program, io);
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return Promise.resolve(EXIT.usage);
  }
  return run(program, argv, io);
}

const EXAMPLES = `
Examples:
    $ naf-push demo
    $ naf-push 001010000000001 -m 'hello'      (with ue-listen in another terminal)
    $ naf-push send --help`;
