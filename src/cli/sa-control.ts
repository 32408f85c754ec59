/** `naf-push sa ls|show|revoke`: the associations of a NAF that serves, asked for over its control socket. */
import type { Command } from 'commander';
import { SaError } from '../errors.ts';
import type { SaView } from './control-messages.ts';
import { askControl, nafFolder } from './control.ts';
import { writeJson, type CommandIo } from './io.ts';
import { stateOption } from './options.ts';
import { subcommand } from './run.ts';

interface ControlOptions {
  readonly state?: string;
  readonly json?: boolean;
}

/** Adds the three to `sa`. */
export function addControlCommands(sa: Command, io: CommandIo): void {
  const add = (name: string, what: string, args: string, op: 'ls' | 'revoke', needed: boolean) =>
    subcommand(sa, name)
      .description(what)
      .argument(args, 'B-TID of one association, or IMSI or IMPI of a UE')
      .addOption(stateOption())
      .option('--json', 'one JSON object per association')
      .action(async (which: string | undefined, options: ControlOptions) => {
        const folder = nafFolder(options.state, io.env);
        const found = await askControl(folder, { op, ...(which !== undefined && { which }) });
        if (needed && found.length === 0) {
          throw new SaError('ERR_SA_UNKNOWN', `no live association of ${which ?? ''}`);
        }
        for (const view of found) print(io, view, name, options);
      });
  add('ls', 'list the live associations of the NAF that serves', '[which]', 'ls', false);
  add('show', 'show one association, or those of a UE, without keys', '<which>', 'ls', true);
  add(
    'revoke',
    'end an association, or all of a UE, at once and for good',
    '<which>',
    'revoke',
    true,
  );
}

function print(io: CommandIo, view: SaView, name: string, { json }: ControlOptions): void {
  if (json === true) return writeJson(io.stdout, view);
  const until = new Date(view.expiresAt).toISOString();
  if (name === 'show') {
    for (const [member, value] of Object.entries({ ...view, expiresAt: until })) {
      io.stdout.write(`${member.padEnd(10)}${value}\n`);
    }
    return void io.stdout.write('\n');
  }
  const done = name === 'revoke' ? 'revoked' : view.state;
  io.stdout.write(`${view.btid}  ${done}  ${view.ue}  TLS ${view.tls}  until ${until}\n`);
}
