/** The command `ue-listen`: what the device does. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ConfigError, reasonOf } from '../errors.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import type { TlsVersion } from '../lib/suites.ts';
import {
  DEFAULT_TRIGGER,
  formatTriggerAddress,
  isLoopback,
  type TriggerAddress,
} from '../codec/address.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { openHandledLog } from '../store/handled-log.ts';
import { openFileStore } from '../store/file-store.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { openSaFile } from '../store/sa-file.ts';
import { parseJson, readSecretFile } from '../store/secret-file.ts';
import { openStoreKey } from '../store/store-key.ts';
import {
  defaultConnectPolicy,
  demoConnectPolicy,
  parseConnectPolicy,
  type ConnectPolicy,
} from '../ue/connect-policy.ts';
import { listenForPushes } from '../ue/listener.ts';
import type { AtomicStore } from '../ports.ts';
import type { Resumption } from '../sa/sessions.ts';
import { EXIT, whenAborted, writeJson, type CommandIo } from './io.ts';
import { keyLogFor } from './keylog.ts';
import { narrate } from './narrate.ts';
import {
  allowDemoOption,
  farTriggerAddress,
  inlets,
  keylogOption,
  path,
  resumptionNotice,
  resumptionOption,
  seconds,
  stateFolder,
  stateOption,
  tlsPolicyOption,
  wholeNumber,
  type Inlet,
} from './options.ts';
import { FORMAT_HELP } from './push-format.ts';
import { bindOutput, CommandFailure, run } from './run.ts';
import { countdown, handlerFor, type HandlerOptions } from './ue-handler.ts';
import { openSim } from './sim.ts';
import { receiveLines } from './trigger-lines.ts';
import { addBootstrapOptions, bootstrapTarget, type UeBootstrapOptions } from './ue-bootstrap.ts';
import { packageVersion } from './version.ts';

interface ListenOptions extends HandlerOptions, UeBootstrapOptions {
  readonly usim?: string;
  readonly trigger?: readonly Inlet[];
  readonly auts: boolean;
  readonly pskIdentity: 'b-tid' | 'p-tid';
  readonly gbaUKey: 'external' | 'internal';
  readonly advertise?: TriggerAddress;
  readonly connectPolicy?: string;
  readonly tls: TlsVersion | 'any';
  readonly tlsPolicy?: string;
  readonly resumption: Resumption;
  readonly count?: number;
  readonly wait?: number;
  readonly redeliver?: boolean;
  readonly state?: string;
  readonly keylog?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Runs `ue-listen` with these arguments. Resolves with the exit code; never throws. */
export function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const program = bindOutput(new Command('ue-listen'), io);
  program
    .description(
      'Wait for GBA Push triggers with a (soft) USIM, and print or handle what is pushed.',
    )
    .version(packageVersion())
    .argument('[args...]', 'arguments for the --exec program, after --')
    .option(
      '--usim <file>',
      'JSON file with IMSI and keys, mode 0600, or exec:PROGRAM (default: the demo USIM)',
      path,
    )
    .addOption(
      new Option(
        '--trigger <address>',
        'where triggers come in: udp://host:port, tcp://host:port or stdin:; several times for several ' +
          `ways (default: ${formatTriggerAddress(DEFAULT_TRIGGER)})`,
      ).argParser(inlets),
    )
    .option('--no-auts', 'never answer a trigger with AUTS when SQN is out of step')
    .addOption(
      new Option('--psk-identity <id>', 'what this UE calls itself in TLS')
        .choices(['b-tid', 'p-tid'])
        .default('b-tid'),
    )
    .addOption(
      new Option(
        '--gba-u-key <key>',
        'in GBA_U: Ks_ext_NAF, or Ks_int_NAF as a UICC with TLS would',
      )
        .choices(['external', 'internal'])
        .default('external'),
    )
    .option(
      '--advertise <address>',
      'what NAFs are told of where triggers reach this UE',
      farTriggerAddress,
    )
    .option(
      '--connect-policy <file>',
      'JSON: which addresses a NAF may make this UE connect to',
      path,
    )
    .addOption(
      new Option('--tls <version>', 'TLS versions to accept; with --bootstrap the one to use')
        .choices(['1.3', '1.2', 'any'])
        .default('1.3'),
    )
    .addOption(tlsPolicyOption())
    .addOption(resumptionOption())
    .option('-C, --count <n>', 'end after this many pushes', wholeNumber(1))
    .option('-W, --wait <seconds>', 'end with exit code 3 after this time', seconds)
    .option(
      '--exec <program>',
      'run this for each push, payload on stdin: exit 0 handled, 75 not now, else refused',
      path,
    )
    .addOption(
      new Option('-F, --format <format>', FORMAT_HELP).default('%p').conflicts(['json', 'exec']),
    )
    .option(
      '--redeliver',
      'handle a push again that a crash cut off (at least once, not at most once)',
    )
    .addOption(stateOption())
    .addOption(keylogOption())
    .addOption(allowDemoOption())
    .option('--json', 'one JSON object per event on stdout')
    .option('-q, --quiet', 'no talk on stderr but errors')
    .option('-v, --verbose', 'tell every event on stderr')
    .addHelpText('after', EXAMPLES)
    .action(async (args: string[], options: ListenOptions) => {
      const code = await listen(args, options, io);
      if (code !== EXIT.ok) throw new CommandFailure(code);
    });
  return run(addBootstrapOptions(program), argv, io);
}

async function listen(
  args: readonly string[],
  options: ListenOptions,
  io: CommandIo,
): Promise<number> {
  const ways = options.trigger ?? [DEFAULT_TRIGGER];
  const addresses = ways.filter((one) => one !== 'stdin');
  const versions: readonly TlsVersion[] = options.tls === 'any' ? ['1.3', '1.2'] : [options.tls];
  const notice = resumptionNotice(options.resumption, versions);
  if (notice !== undefined) io.stderr.write(`ue-listen: ${notice}\n`);
  const sim = await openSim(options, addresses, io);
  const finish = new AbortController();
  const handler = countdown(handlerFor(args, options, io), options.count, finish);
  const folder = join(stateFolder(options.state, io.env), `ue-${sim.imsi}`);
  const unlock = lockFolder(folder);
  const keylog = keyLogFor(options.keylog, 'ue-listen', io);
  const endNarration = narrate(io, { command: 'ue-listen', ...options });
  let store: AtomicStore | undefined;
  try {
    store = await openFileStore({ folder, name: 'usim' });
    const usim = sim.open(store);
    const target = bootstrapTarget(options, { impi: usim.impi, demo: sim.demo });
    const listener = await listenForPushes({
      usim,
      listen: addresses,
      policy: loadTlsPolicy(options.tlsPolicy),
      connectPolicy: connectPolicyFor(options, sim.demo, addresses),
      pskIdentity: options.pskIdentity,
      pskKey: options.gbaUKey,
      ...(options.auts && { autsStore: store }),
      saStore: openSaFile({ folder, storeKey: openStoreKey(join(folder, 'store.key')) }),
      versions,
      resumption: options.resumption,
      handler,
      handledLog: openHandledLog(join(folder, 'handled.log')),
      redeliver: options.redeliver ?? false,
      ...(options.advertise && { advertise: options.advertise }),
      ...(keylog && { dangerouslyLogKeys: keylog.write }),
    });
    const where = [
      ...listener.addresses.map(formatTriggerAddress),
      ...(ways.includes('stdin') ? ['stdin:'] : []),
    ];
    announceListening(where, usim.impi, options, io);
    const timeOver = options.wait === undefined ? undefined : timer(options.wait * 1_000);
    const counted = whenAborted(finish.signal).then(() => EXIT.ok);
    const stopped = whenAborted(io.signal).then(() => EXIT.interrupted);
    const ends = [counted, stopped, ...(timeOver ? [timeOver.over] : [])];
    if (ways.includes('stdin')) ends.push(receiveLines(listener, io));
    if (target) ends.push(listener.bootstrap(target).then(() => new Promise(() => undefined)));
    try {
      return await Promise.race(ends);
    } finally {
      timeOver?.cancel();
      io.stdin.destroy();
      await listener.drain();
    }
  } finally {
    await store?.close();
    keylog?.close();
    endNarration();
    unlock();
  }
}

function announceListening(
  where: readonly string[],
  impi: string,
  { json, quiet }: ListenOptions,
  io: CommandIo,
): void {
  const [trigger] = where;
  const more = where.length > 1 && { triggers: where };
  if (json === true) {
    writeJson(io.stdout, { event: 'listening', trigger, ...more, impi, pid: process.pid });
  } else if (quiet !== true) {
    io.stderr.write(`ue-listen: ${impi} waits for triggers at ${where.join(' and ')}\n`);
  }
}

/** A demo SIM, and triggers from loopback alone, lead to loopback alone; else what the file says, or the NAF's own address. */
function connectPolicyFor(
  { connectPolicy }: ListenOptions,
  demo: boolean,
  addresses: readonly TriggerAddress[],
): ConnectPolicy {
  if (connectPolicy === undefined) {
    const local = addresses.length > 0 && addresses.every(({ host }) => isLoopback(host));
    return demo || local ? demoConnectPolicy : defaultConnectPolicy;
  }
  const json = parseJson(connectPolicy, readSecretFile(connectPolicy).text);
  try {
    return parseConnectPolicy(json);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_FILE', `${connectPolicy}: ${reasonOf(cause)}`, { cause });
  }
}

function timer(ms: number): { readonly over: Promise<number>; cancel(): void } {
  const ended = new AbortController();
  const over = sleep(systemClock, ms, ended.signal).then(
    () => EXIT.timeout,
    () => EXIT.ok,
  );
  return {
    over,
    cancel: () => {
      ended.abort();
    },
  };
}

const EXAMPLES = `
Examples:
  Print what is pushed to the demo USIM:
    $ ue-listen
  One push within 10 seconds, as JSON:
    $ ue-listen --json -C 1 -W 10
  Hand every push to a program:
    $ ue-listen --exec /usr/bin/tee -- /dev/stderr
  A layer to a NAF that is open before anything is pushed, its key from a BSF:
    $ ue-listen --bootstrap http://127.0.0.1:8081 --connect 127.0.0.1:5684

Exit codes: 0 ok, 1 error, 2 usage, 3 the time of -W is over, 130 interrupted`;
