/** A NAF with its BSF and HSS inside, put together from the options of `send` and `sa announce`. */
import { Option, type Command } from 'commander';
import { createBsf } from '../bsf/bsf.ts';
import { createHss } from '../bsf/hss.ts';
import { BsfError, ConfigError } from '../errors.ts';
import { homePublicDomain, parseFqdn, type Fqdn, type Impi } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { TlsVersion } from '../lib/suites.ts';
import { listenPushServer, type PushServer } from '../naf/push-server.ts';
import {
  COAPS_TCP_PORT,
  isLoopback,
  isUnspecified,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import { createTriggerSender } from '../net/upa-sender.ts';
import { openFileStore } from '../store/file-store.ts';
import { loadTlsPolicy, packageFile } from '../store/policy.ts';
import { readSubscribers, type SubscriberRecord } from '../store/subscribers.ts';
import { EXIT, type CommandIo } from './io.ts';
import { keyLogFor } from './keylog.ts';
import {
  allowDemoOption,
  bindingFrom,
  DEFAULT_TRIGGER,
  endpoint,
  farEndpoint,
  fqdn,
  keylogOption,
  path,
  stateFolder,
  stateOption,
  wholeNumber,
  type UeName,
} from './options.ts';
import { CommandFailure, usageError } from './run.ts';

export interface NafOptions {
  readonly subscribers?: string;
  readonly state?: string;
  readonly listen: Endpoint;
  readonly advertise?: Endpoint;
  readonly trigger?: TriggerAddress;
  readonly naf?: Fqdn;
  readonly tls?: TlsVersion;
  readonly suite?: string;
  readonly lifetime?: number;
  readonly keylog?: string;
  readonly dangerouslyAllowDemoKeys?: boolean;
}

export function addNafOptions(command: Command): Command {
  return command
    .option(
      '--subscribers <file>',
      'JSON file of IMSIs and keys, mode 0600 (default: the demo subscribers)',
      path,
    )
    .option(
      '--naf <fqdn>',
      "this NAF's name (default: naf.mncX.mccY.pub.3gppnetwork.org of the UE)",
      fqdn,
    )
    .addOption(
      new Option(
        '--tls <version>',
        'TLS version of the layer (default: 1.3, or that of --suite)',
      ).choices(['1.3', '1.2']),
    )
    .option(
      '--suite <name>',
      'the one cipher suite, as OpenSSL names it (see certs-none/policy.json)',
    )
    .addOption(
      new Option('--listen <host:port>', 'where UEs connect to')
        .argParser(endpoint)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1 and a free port'),
    )
    .option(
      '--advertise <host:port>',
      'what UEs are told to connect to (default: where this listens)',
      farEndpoint,
    )
    .option('--lifetime <seconds>', 'how long a new key lives', wholeNumber(1, 604_800))
    .addOption(stateOption())
    .addOption(keylogOption())
    .addOption(allowDemoOption());
}

export interface OpenNaf {
  readonly server: PushServer;
  /** The subscribers' IMPIs, in the order of the names that were given. */
  readonly impis: readonly Impi[];
  close(): Promise<void>;
}

export interface NafSettings {
  readonly ues: readonly UeName[];
  /** How long to look for a UE that does not connect, ms. */
  readonly giveUpMs: number;
  /** False: pushes wait for UEs that were announced by hand. Default true. */
  readonly bootstrap?: boolean;
}

/** @throws ConfigError, BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError; CommandFailure for bad usage. */
export async function openNaf(
  options: NafOptions,
  io: CommandIo,
  settings: NafSettings,
): Promise<OpenNaf> {
  const file = options.subscribers ?? packageFile('certs-none/demo-subscribers.json');
  const { demo, subscribers } = readSubscribers(file);
  const found = settings.ues.map((ue) => findSubscriber(subscribers, ue, file));
  const impis = found.map(({ impi }) => impi);
  const triggers = new Map(
    found.map((record) => [record.impi, options.trigger ?? record.trigger ?? DEFAULT_TRIGGER]),
  );
  if (demo && options.dangerouslyAllowDemoKeys !== true)
    requireLoopback(options, triggers.values());

  requireReachable(options);
  const policy = loadTlsPolicy();
  const { binding, only } = usageError(() => bindingFrom(options.tls, options.suite, policy));
  const keylog = keyLogFor(options.keylog, 'naf-push', io);
  const store = await openFileStore({ folder: stateFolder(options.state, io.env), name: 'hss' });
  const hss = createHss({ subscribers, store });
  const server = await listenPushServer({
    bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
    triggers: createTriggerSender({ clock: systemClock }),
    policy: only,
    binding,
    nafFqdn: options.naf ?? defaultNafFqdn(impis[0]),
    listen: options.listen,
    triggerAddress: (impi) => triggers.get(impi),
    patience: { giveUpMs: settings.giveUpMs },
    bootstrap: settings.bootstrap ?? true,
    ...(options.advertise && { advertise: options.advertise }),
    ...(options.lifetime !== undefined && { lifetimeSeconds: options.lifetime }),
    ...(keylog && { dangerouslyLogKeys: keylog.write }),
  });
  return {
    server,
    impis,
    async close() {
      await server.close();
      await store.close();
      keylog?.close();
    },
  };
}

function findSubscriber(
  subscribers: readonly SubscriberRecord[],
  ue: UeName,
  file: string,
): SubscriberRecord {
  const found = subscribers.find((record) =>
    'imsi' in ue ? record.imsi === ue.imsi : record.impi === ue.impi,
  );
  if (found !== undefined) return found;
  const name = 'imsi' in ue ? ue.imsi : ue.impi;
  throw new BsfError('ERR_BSF_UNKNOWN_SUBSCRIBER', `${file} has no subscriber ${name}`);
}

function requireReachable({ listen, advertise }: NafOptions): void {
  if (advertise !== undefined || !isUnspecified(listen.host) || listen.port === COAPS_TCP_PORT)
    return;
  throw new CommandFailure(
    EXIT.usage,
    `no UE can connect to ${listen.host}: say by --advertise HOST:PORT where this NAF is reached`,
  );
}

function requireLoopback(
  { listen, advertise }: NafOptions,
  triggers: Iterable<TriggerAddress>,
): void {
  const away = [listen, ...(advertise ? [advertise] : []), ...triggers].find(
    ({ host }) => !isLoopback(host),
  );
  if (away === undefined) return;
  throw new ConfigError(
    'ERR_CONFIG_DEMO',
    `the demo keys are published, so they serve on loopback only, not at ${away.host}: ` +
      'give --subscribers FILE, or --dangerously-allow-demo-keys',
  );
}

function defaultNafFqdn(impi: Impi | undefined): Fqdn {
  const home = impi && homePublicDomain(impi);
  if (home === undefined) {
    throw new ConfigError(
      'ERR_CONFIG_FILE',
      'this subscriber has no 3GPP home network: name this NAF by --naf FQDN',
    );
  }
  return parseFqdn(`naf${home}`);
}
