/** `naf-push sa announce`: associations for labs that test clients of their own. */
import type { Command } from 'commander';
import { pskIdentityOf, uaIdOf, type Impi } from '../ids.ts';
import { toHex } from '../lib/bytes.ts';
import { formatEndpoint } from '../codec/address.ts';
import type { Announcement } from '../naf/announcer.ts';
import type { PushServer } from '../naf/push-server.ts';
import { TEXT_PLAIN } from '../codec/push.ts';
import { whenAborted, EXIT, writeJson, type CommandIo } from './io.ts';
import { addNafOptions, openNaf, type NafOptions } from './naf.ts';
import { narrate } from './narrate.ts';
import { argument, parseUe, type UeName } from './options.ts';
import { lines } from './payloads.ts';
import { printReceipt } from './receipts.ts';
import { CommandFailure, subcommand } from './run.ts';
import { addControlCommands } from './sa-control.ts';

interface AnnounceOptions extends NafOptions {
  readonly dangerouslyShowKey?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function addSaCommand(program: Command, io: CommandIo): void {
  const sa = subcommand(program, 'sa').description('security associations');
  addControlCommands(sa, io);
  const announce = subcommand(sa, 'announce')
    .description(
      'make an association per UE without a trigger, print it, and serve whoever has its key; ' +
        'each line of stdin is pushed to every UE',
    )
    .argument('<ue...>', 'IMSIs or IMPIs of subscribers', (text: string, before: UeName[] = []) => [
      ...before,
      argument(parseUe)(text),
    ])
    .option('--dangerously-show-key', 'print Ks_NAF: whoever sees it can be the device')
    .option('--json', 'one JSON object per association, then per push, on stdout')
    .option('-q, --quiet', 'no receipts, only errors')
    .option('-v, --verbose', 'tell every event on stderr');
  addNafOptions(announce)
    .addHelpText('after', EXAMPLES)
    .action(async (ues: UeName[], options: AnnounceOptions) => {
      await announceAndServe(ues, options, io);
    });
}

async function announceAndServe(
  ues: readonly UeName[],
  options: AnnounceOptions,
  io: CommandIo,
): Promise<void> {
  const endNarration = narrate(io, { command: 'naf-push', ...options });
  const naf = await openNaf(options, io, { ues, giveUpMs: Infinity, bootstrap: false });
  const { server, impis } = naf;
  try {
    for (const impi of impis) printAnnouncement(io, await server.announce(impi), server, options);
    try {
      await Promise.race([pushLines(server, impis, options, io), whenAborted(io.signal)]);
    } finally {
      await server.drain();
    }
    throw new CommandFailure(EXIT.interrupted);
  } finally {
    io.stdin.destroy();
    await naf.close();
    endNarration();
  }
}

function printAnnouncement(
  io: CommandIo,
  { sa, gpi, envelope }: Announcement,
  server: PushServer,
  { json, advertise, dangerouslyShowKey }: AnnounceOptions,
): void {
  const shown = {
    btid: sa.bTid,
    pskIdentity: pskIdentityOf(sa.bTid),
    ...(dangerouslyShowKey === true && { ksNaf: toHex(sa.key) }),
    expiresAt: sa.expiresAt,
    gpi: toHex(gpi),
    uaId: uaIdOf(sa.binding),
    connect: formatEndpoint(advertise ?? server.address),
    ptid: sa.pTid,
    impi: sa.impi,
    nafFqdn: sa.nafFqdn,
    envelope: toHex(envelope),
  };
  if (json === true) return writeJson(io.stdout, shown);
  const width = Math.max(...Object.keys(shown).map((name) => name.length));
  for (const [name, value] of Object.entries(shown)) {
    io.stdout.write(`${name.padEnd(width)}  ${value}\n`);
  }
  io.stdout.write('\n');
}

/** Pushes each line of stdin to every UE; never resolves, since the command serves until interrupted. */
async function pushLines(
  server: PushServer,
  impis: readonly Impi[],
  options: AnnounceOptions,
  io: CommandIo,
): Promise<never> {
  let number = 0;
  for await (const line of lines(io.stdin)) {
    const at = (number += 1);
    for (const impi of impis) {
      await server.whenRoom(impi);
      void server.push(impi, line, { contentFormat: TEXT_PLAIN }).then(
        (receipt) => {
          printReceipt(io, receipt, options, at);
        },
        () => undefined,
      );
    }
  }
  return new Promise(() => undefined);
}

const EXAMPLES = `
Examples:
  A TLS 1.3 client of your own against this NAF (the key is fresh; it serves until Ctrl-C):
    $ naf-push sa announce 001010000000001 --dangerously-show-key --json
    $ openssl s_client -connect HOST:PORT -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 \\
        -psk_identity 'PSKIDENTITY' -psk KSNAF`;
