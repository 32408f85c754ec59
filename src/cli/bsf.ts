/** `naf-push bsf`: the BSF as a service, for NAFs over Nbsp_GBA and for UEs over Ub. */
import { Option, type Command } from 'commander';
import { listenBsf, type BsfServer } from '../bsf/bsf-server.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { placesOf } from '../compose/bsf.ts';
import { requireLoopback } from '../compose/demo-keys.ts';
import type { Fqdn } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import { formatHttp2Address, parseHttp2Address, type Http2Address } from '../net/http2-address.ts';
import { readNafs, type NafRecord } from '../store/nafs.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { EXIT, whenAborted, writeJson, type CommandIo } from './io.ts';
import { narrate } from './narrate.ts';
import {
  allowDemoOption,
  argument,
  endpoint,
  fqdn,
  path,
  stateOption,
  tlsPolicyOption,
  wholeNumber,
} from './options.ts';
import { CommandFailure, subcommand } from './run.ts';
import { addVectorOptions, openSubscribers, type SubscriberOptions } from './subscribers.ts';

interface BsfCommandOptions extends SubscriberOptions {
  readonly listen?: readonly Http2Address[];
  readonly ub?: Endpoint;
  readonly nafs?: string;
  readonly name?: Fqdn;
  readonly lifetime?: number;
  readonly tlsPolicy?: string;
  readonly dangerouslyAllowDemoKeys?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Adds `bsf` to the program. */
export function addBsfCommand(program: Command, io: CommandIo): void {
  const command = subcommand(program, 'bsf')
    .description('serve keys to NAFs (Nbsp_GBA) and let UEs bootstrap (Ub), until interrupted')
    .addOption(
      new Option(
        '--listen <address>',
        'where NAFs ask: https://host:port (a pre-shared key of TLS 1.3), http://127.0.0.1:port or ' +
          'unix:PATH (a token); several times for several',
      ).argParser(addresses),
    )
    .option('--nafs <file>', 'JSON file of NAFs and what they may have, mode 0600', path)
    .option('--ub <host:port>', 'where UEs bootstrap, HTTP/1.1', endpoint);
  addVectorOptions(command)
    .option('--name <fqdn>', "this BSF's name (default: bsf.mncX.mccY.pub.3gppnetwork.org)", fqdn)
    .option('--lifetime <seconds>', 'how long a key from Ub lives', wholeNumber(1, 604_800))
    .addOption(tlsPolicyOption())
    .addOption(stateOption())
    .addOption(allowDemoOption())
    .option('--json', 'JSON objects on stdout')
    .option('-q, --quiet', 'no talk on stderr but errors')
    .option('-v, --verbose', 'tell every event on stderr')
    .addHelpText('after', EXAMPLES)
    .action(async (options: BsfCommandOptions) => {
      await serve(options, io);
    });
}

async function serve(options: BsfCommandOptions, io: CommandIo): Promise<void> {
  const { listen, ub, name: fqdn, lifetime } = options;
  const nafs = nafsFor(options);
  const known = await openSubscribers(options, [], io);
  if (known.demo && options.dangerouslyAllowDemoKeys !== true) {
    requireLoopback(placesOf(options), 'give --subscribers FILE, or --dangerously-allow-demo-keys');
  }
  const policy = loadTlsPolicy(options.tlsPolicy);
  const endNarration = narrate(io, { command: 'naf-push', ...options });
  try {
    const bsf = await listenBsf({
      hss: known.hss,
      clock: systemClock,
      policy: withLifetime(policy, lifetime),
      nafs,
      ...(listen && { listen }),
      ...(ub && { ub }),
      ...(fqdn !== undefined && { fqdn }),
    });
    try {
      announce(bsf, options, io);
      await whenAborted(io.signal);
      await bsf.drain();
    } finally {
      await bsf.close();
    }
    throw new CommandFailure(EXIT.interrupted);
  } finally {
    io.stdin.destroy();
    await known.close();
    endNarration();
  }
}

function withLifetime(policy: TlsPolicy, seconds: number | undefined): TlsPolicy {
  if (seconds === undefined) return policy;
  return { ...policy, keyLifetime: { ...policy.keyLifetime, defaultSeconds: seconds } };
}

/** Nobody asks a BSF without NAFs, and NAFs that nobody lets in are a mistake. */
function nafsFor({ listen, nafs, ub }: BsfCommandOptions): readonly NafRecord[] {
  if (listen === undefined && ub === undefined) {
    throw new CommandFailure(EXIT.usage, 'say what to serve: --listen ADDRESS, --ub HOST:PORT');
  }
  if ((listen === undefined) !== (nafs === undefined)) {
    throw new CommandFailure(EXIT.usage, '--listen and --nafs FILE go together');
  }
  return nafs === undefined ? [] : readNafs(nafs);
}

function announce(bsf: BsfServer, { json, quiet }: BsfCommandOptions, io: CommandIo): void {
  const nbsp = bsf.nbsp.map(formatHttp2Address);
  const ub = bsf.ub && `http://${formatEndpoint(bsf.ub)}`;
  if (json === true) {
    writeJson(io.stdout, { event: 'ready', nbsp, ub, pid: process.pid });
    return;
  }
  if (quiet === true) return;
  for (const address of nbsp) io.stderr.write(`naf-push: NAFs ask at ${address}\n`);
  if (ub !== undefined) io.stderr.write(`naf-push: UEs bootstrap at ${ub}\n`);
}

const address = argument(parseHttp2Address);
const addresses = (
  text: string,
  earlier: readonly Http2Address[] | undefined,
): readonly Http2Address[] => [...(earlier ?? []), address(text)];

const EXAMPLES = `
Examples:
  A token for a NAF, and the file that says what this NAF may have:
    $ umask 077
    $ openssl rand -hex 24 > naf.token
    $ echo '{"nafs":[{"name":"naf1","token":"'"$(cat naf.token)"'",' \\
        '"fqdns":["naf.mnc001.mcc001.pub.3gppnetwork.org"]}]}' > nafs.json
  The BSF for NAFs of this machine, and for UEs that bootstrap by themselves:
    $ naf-push bsf --listen unix:bsf.sock --nafs nafs.json --ub 127.0.0.1:8081
  In another terminal, a NAF that has no key of a SIM (with ue-listen in a third):
    $ naf-push 001010000000001 --bsf unix:bsf.sock --bsf-secret naf.token -m 'hello'
  For NAFs elsewhere, nafs.json has "psk":{"identity":"...","key":"64 hex digits"} in place of the token:
    $ naf-push bsf --listen https://192.0.2.1:8443 --nafs nafs.json --subscribers sims.json

Exit codes: 0 ok, 1 error, 2 usage, 130 interrupted (answers under way are given first)`;
