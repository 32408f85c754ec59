/** `naf-push send`: one UE, one or many payloads over one layer, a receipt for each. */
import { Option, type Command } from 'commander';
import { OCTET_STREAM, TEXT_PLAIN, URGENCIES, type Urgency } from '../codec/push.ts';
import { EXIT, whenAborted, type CommandIo } from './io.ts';
import { addNafOptions, openNaf, type NafOptions } from './naf.ts';
import { narrate } from './narrate.ts';
import {
  argument,
  carrier,
  once,
  parseUe,
  path,
  seconds,
  wholeNumber,
  type UeName,
} from './options.ts';
import { payloads, type PayloadOptions } from './payloads.ts';
import { printReceipt, Tally } from './receipts.ts';
import { CommandFailure, subcommand } from './run.ts';

interface SendOptions extends NafOptions, PayloadOptions {
  readonly ttl: number;
  readonly urgency: Urgency;
  readonly contentFormat?: number;
  readonly timeout: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function addSendCommand(program: Command, io: CommandIo): void {
  const command = subcommand(program, 'send', { isDefault: true })
    .description('push to a UE and wait until it has handled it (the default command)')
    .argument('<ue>', 'IMSI or IMPI of a subscriber', argument(parseUe))
    .option('-m, --message <text>', 'push this text', once(String, ONE_PUSH))
    .option(
      '-f, --file <file>',
      'push the octets of a file, or of stdin when it is -',
      once(path, ONE_PUSH),
    )
    .option('-l, --stdin-lines', 'push every line of stdin, all over the same layer')
    .option(
      '--trigger <address>',
      'where the UE hears triggers: udp://host:port, tcp://host:port, or exec:PROGRAM to bring them',
      carrier,
    )
    .option(
      '--ttl <seconds>',
      'how long a push is of use (0: over an open layer now or never, so not the first one)',
      wholeNumber(0, 2_419_200),
      3_600,
    )
    .addOption(
      new Option('--urgency <word>', 'RFC 8030 urgency').choices(URGENCIES).default('normal'),
    )
    .option(
      '--content-format <n>',
      'CoAP Content-Format (default: 0 text for -m and -l, 42 octets for -f)',
      wholeNumber(0, 65_535),
    )
    .option('--timeout <seconds>', 'give up on a UE that does not connect', seconds, 15)
    .option('--json', 'one JSON object per push on stdout')
    .option('-q, --quiet', 'no receipts, only errors')
    .option('-v, --verbose', 'tell every event on stderr');
  addNafOptions(command)
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments()
    .action(async (ue: UeName, options: SendOptions, { args }: Command) => {
      // Here, since a command that is mistyped comes as a UE with arguments: that is told first.
      const [, extra] = args;
      if (extra !== undefined) {
        throw new CommandFailure(
          EXIT.usage,
          `nothing takes the argument ${extra}: a text is -m TEXT`,
        );
      }
      const code = await send(ue, options, io);
      if (code !== EXIT.ok) throw new CommandFailure(code);
    });
}

async function send(ue: UeName, options: SendOptions, io: CommandIo): Promise<number> {
  const sources = [options.message, options.file, options.stdinLines].filter(
    (one) => one !== undefined,
  );
  if (sources.length !== 1) {
    throw new CommandFailure(EXIT.usage, 'say what to push: one of -m TEXT, -f FILE or -l');
  }
  const endNarration = narrate(io, { command: 'naf-push', ...options });
  const naf = await openNaf(options, io, { ues: [ue], giveUpMs: options.timeout * 1_000 });
  try {
    return await pushAll(naf, options, io);
  } finally {
    await naf.close();
    endNarration();
  }
}

async function pushAll(
  { server, impis: [impi] }: Awaited<ReturnType<typeof openNaf>>,
  options: SendOptions,
  io: CommandIo,
): Promise<number> {
  if (impi === undefined) return EXIT.error;
  const { ttl: ttlSeconds, urgency, file } = options;
  const contentFormat = options.contentFormat ?? (file === undefined ? TEXT_PLAIN : OCTET_STREAM);
  const tally = new Tally(options, io.stdout);
  const underWay = new Set<Promise<void>>();

  const pushEach = async (): Promise<void> => {
    try {
      let number = 0;
      for await (const payload of payloads(options, io.stdin, io.signal)) {
        const line = options.stdinLines === true ? (number += 1) : undefined;
        await server.whenRoom(impi);
        if (io.signal?.aborted === true) return;
        const settled = server.push(impi, payload, { ttlSeconds, urgency, contentFormat });
        const one = settled.then((receipt) => {
          underWay.delete(one);
          tally.add(receipt);
          printReceipt(io, receipt, options, line);
        });
        underWay.add(one);
      }
    } catch (error) {
      tally.fail(error);
    }
    await Promise.all(underWay);
  };
  await Promise.race([pushEach(), whenAborted(io.signal)]);
  await server.drain();
  await Promise.allSettled(underWay);
  if (io.signal?.aborted === true) {
    io.stdin.destroy();
    return EXIT.interrupted;
  }
  for (const complaint of tally.complaints) io.stderr.write(`naf-push: ${complaint}\n`);
  return tally.exitCode;
}

/** Why a second `-m` or `-f` is refused. */
const ONE_PUSH = 'one call pushes one text or file, or the lines of -l';

const EXAMPLES = `
Examples:
  In one terminal the device, in another the NAF:
    $ ue-listen
    $ naf-push 001010000000001 -m 'hello'
  Every line of a stream over one layer, receipts as JSON:
    $ seq 1000 | naf-push send 001010000000001 -l --json
  TLS 1.2 with one suite (the device must run ue-listen --tls any):
    $ naf-push send 001010000000001 -m hi --suite ECDHE-PSK-CHACHA20-POLY1305
  Keys out of a BSF elsewhere (see naf-push bsf --help):
    $ naf-push send 001010000000001 -m hi --bsf unix:bsf.sock --bsf-secret naf.token

Exit codes: 0 ok, 1 error, 2 usage, 3 the UE did not connect or the BSF did not answer, 4 authentication refused,
  5 association unknown or expired, 6 partly delivered, 7 time to live over or queue full, 130 interrupted`;
