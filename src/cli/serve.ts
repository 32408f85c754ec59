/** `naf-push serve`: a NAF that lives on. Pushes come in on stdin, its associations outlive it. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { formatEndpoint } from '../codec/address.ts';
import { OCTET_STREAM, TEXT_PLAIN, URGENCIES } from '../codec/push.ts';
import { GbaError, reasonOf } from '../errors.ts';
import { utf8Bytes } from '../lib/bytes.ts';
import type { PushServer } from '../naf/push-server.ts';
import type { RenewWhen } from '../naf/renewal.ts';
import { listenControl, nafFolder } from './control.ts';
import { EXIT, printable, whenAborted, writeJson, type CommandIo } from './io.ts';
import { addNafOptions, openNaf, type NafOptions } from './naf.ts';
import { narrate } from './narrate.ts';
import { carrier, impiOf, parseUe } from './options.ts';
import { lines, OVERSIZE } from './payloads.ts';
import { printReceipt } from './receipts.ts';
import { CommandFailure, subcommand } from './run.ts';

interface ServeOptions extends NafOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly renew: RenewWhen;
  readonly acceptBootstrapped?: boolean;
}

export function addServeCommand(program: Command, io: CommandIo): void {
  const command = subcommand(program, 'serve')
    .description(
      'a NAF that lives on, until interrupted: each line of stdin is a push as JSON; associations are kept ' +
        'in the state folder, so that after a restart UEs come back under the same key',
    )
    .option(
      '--trigger <address>',
      'where UEs hear triggers, unless the subscribers file says: udp://, tcp:// or exec:PROGRAM',
      carrier,
    )
    .addOption(
      new Option('--renew <when>', 'which open layers get a new key before theirs ends')
        .choices(['always', 'used', 'never'])
        .default('always'),
    )
    .option(
      '--accept-bootstrapped',
      'let in UEs that come with a key of their own (ue-listen --bootstrap); the BSF of --bsf is asked for it',
    )
    .option('--json', 'one JSON object on stdout when it serves, then per line')
    .option('-q, --quiet', 'no receipts, only errors')
    .option('-v, --verbose', 'tell every event on stderr');
  addNafOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: ServeOptions) => {
      await serve(options, io);
    });
}

async function serve(options: ServeOptions, io: CommandIo): Promise<never> {
  const { renew, acceptBootstrapped = false, bsf } = options;
  if (acceptBootstrapped && bsf === undefined) {
    const rule = '--accept-bootstrapped goes with --bsf: it is there that UEs bootstrap';
    throw new CommandFailure(EXIT.usage, rule);
  }
  const endNarration = narrate(io, { command: 'naf-push', ...options });
  const folder = nafFolder(options.state, io.env);
  const settings = {
    ues: 'all',
    giveUpMs: Infinity,
    persist: folder,
    renew,
    acceptBootstrapped,
  } as const;
  const naf = await openNaf(options, io, settings);
  try {
    const control = await listenControl(folder, naf.server);
    try {
      const tls = formatEndpoint(naf.server.address);
      if (options.json === true) {
        writeJson(io.stdout, { event: 'ready', tls, control: control.path, pid: process.pid });
      } else if (options.quiet !== true) {
        io.stderr.write(`naf-push: serves at ${tls}, control socket ${control.path}\n`);
      }
      await Promise.race([pushLines(naf.server, options, io), whenAborted(io.signal)]);
      await naf.server.drain();
    } finally {
      await control.close();
    }
    throw new CommandFailure(EXIT.interrupted);
  } finally {
    io.stdin.destroy();
    await naf.close();
    endNarration();
  }
}

const pushLine = z.strictObject({
  ue: z.string().transform(parseUe),
  message: z.string().optional(),
  payloadBase64: z.base64().optional(),
  ttl: z.int().min(0).max(2_419_200).default(3_600),
  urgency: z.enum(URGENCIES).default('normal'),
  contentFormat: z.int().min(0).max(65_535).optional(),
});

/** The end of stdin ends nothing, so it never resolves. A line that makes no sense is told and passed over. */
async function pushLines(server: PushServer, options: ServeOptions, io: CommandIo): Promise<never> {
  let number = 0;
  const refuse = (reason: string): void => {
    if (options.json === true) {
      writeJson(io.stdout, { event: 'invalid', line: number, detail: reason });
    }
    io.stderr.write(`naf-push: line ${number}: ${printable(reason)}\n`);
  };
  const passOver = (): void => {
    number += 1;
    refuse(`it ${OVERSIZE}`);
  };
  for await (const line of lines(io.stdin, passOver)) {
    const at = (number += 1);
    try {
      const { ue, message, payloadBase64, ttl, urgency, contentFormat } = pushLine.parse(
        JSON.parse(Buffer.from(line).toString('utf8')),
      );
      if ((message === undefined) === (payloadBase64 === undefined)) {
        throw new RangeError('give either "message" or "payloadBase64"');
      }
      const payload =
        message === undefined ? Buffer.from(payloadBase64 ?? '', 'base64') : utf8Bytes(message);
      const impi = impiOf(ue);
      await server.whenRoom(impi);
      const format = contentFormat ?? (message === undefined ? OCTET_STREAM : TEXT_PLAIN);
      const how = { ttlSeconds: ttl, urgency, contentFormat: format };
      void server.push(impi, payload, how).then(
        (receipt) => {
          printReceipt(io, receipt, options, at);
        },
        () => undefined,
      );
    } catch (error) {
      if (error instanceof GbaError && error.code === 'ERR_CHANNEL_CLOSED') break;
      refuse(faultOf(error));
    }
  }
  return new Promise(() => undefined);
}

function faultOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is no JSON object';
  if (!(error instanceof z.ZodError)) return reasonOf(error);
  return error.issues
    .map(({ path, message }) => [...(path.length > 0 ? [path.join('.')] : []), message].join(': '))
    .join('; ');
}

const EXAMPLES = `
Examples:
  A NAF at a port of its own, and a push to the demo UE:
    $ echo '{"ue":"001010000000001","message":"hello"}' | naf-push serve --listen 127.0.0.1:5684
  In another terminal, its associations, and the end of those of one UE:
    $ naf-push sa ls
    $ naf-push sa revoke 001010000000001

A line: {"ue":"IMSI or IMPI","message":"text"}, or "payloadBase64" instead of "message"; and "ttl" (seconds),
"urgency", "contentFormat" as with naf-push send. One that makes no sense is told by its number and passed over.
The end of stdin ends nothing: the NAF serves until SIGINT or SIGTERM.`;
