/** A NAF, put together from the options of `send`, `serve` and `sa announce`. */
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { requireLoopback } from '../compose/demo-keys.ts';
import { defaultNafFqdn } from '../compose/naf.ts';
import { createExecTriggerSender } from '../exec/trigger.ts';
import type { Fqdn, Impi } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { TlsVersion } from '../lib/suites.ts';
import { listenPushServer, type PushServer } from '../naf/push-server.ts';
import type { RenewWhen } from '../naf/renewal.ts';
import {
  COAPS_TCP_PORT,
  DEFAULT_TRIGGER,
  isUnspecified,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import { createTriggerSender } from '../net/upa-sender.ts';
import type { TriggerSender } from '../ports.ts';
import type { Resumption } from '../sa/sessions.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { openSaFile } from '../store/sa-file.ts';
import { openStoreKey } from '../store/store-key.ts';
import { requireProgram } from './exec.ts';
import { EXIT, type CommandIo } from './io.ts';
import {
  addKeySourceOptions,
  openKeySource,
  type KeySource,
  type KeySourceOptions,
} from './key-source.ts';
import { keyLogFor } from './keylog.ts';
import {
  allowDemoOption,
  bindingFrom,
  endpoint,
  farEndpoint,
  fqdn,
  keylogOption,
  resumptionNotice,
  resumptionOption,
  stateOption,
  tlsPolicyOption,
  wholeNumber,
  type Carrier,
  type ProgramWords,
  type UeName,
} from './options.ts';
import { CommandFailure, usageError } from './run.ts';

export interface NafOptions extends KeySourceOptions {
  readonly listen: Endpoint;
  readonly advertise?: Endpoint;
  readonly trigger?: Carrier;
  readonly gba?: 'me' | 'u';
  readonly naf?: Fqdn;
  readonly tls?: TlsVersion;
  readonly suite?: string;
  readonly tlsPolicy?: string;
  readonly resumption?: Resumption;
  readonly lifetime?: number;
  readonly keylog?: string;
  readonly dangerouslyAllowDemoKeys?: boolean;
}

export function addNafOptions(command: Command): Command {
  return addKeySourceOptions(command)
    .addOption(
      new Option(
        '--gba <type>',
        'where keys are derived (default: on the card when it can)',
      ).choices(['me', 'u']),
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
    .addOption(tlsPolicyOption())
    .addOption(resumptionOption())
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
    .option('--lifetime <seconds>', 'how long a new key lives', wholeNumber(2, 604_800))
    .addOption(stateOption())
    .addOption(keylogOption())
    .addOption(allowDemoOption());
}

const DEMO_ADVICE = 'give --subscribers FILE, or --dangerously-allow-demo-keys';
/** A short message may take a while: no second vector before. */
const CARRIER_MS = 60_000;

export interface OpenNaf {
  readonly server: PushServer;
  /** The subscribers' IMPIs, in the order of the names that were given. */
  readonly impis: readonly Impi[];
  close(): Promise<void>;
}

export interface NafSettings {
  /** Whom it pushes to, or everybody of the subscribers file. */
  readonly ues: readonly UeName[] | 'all';
  /** How long to look for a UE that does not connect, ms. */
  readonly giveUpMs: number;
  /** The folder where associations outlive the command; absent: they end with it. */
  readonly persist?: string;
  /** See `PushServerOptions`. */
  readonly renew?: RenewWhen;
  readonly acceptBootstrapped?: boolean;
  /** False: pushes wait for UEs that were announced by hand. Default true. */
  readonly bootstrap?: boolean;
}

/** @throws ConfigError, BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError; CommandFailure for bad usage. */
export async function openNaf(
  options: NafOptions,
  io: CommandIo,
  settings: NafSettings,
): Promise<OpenNaf> {
  const { trigger } = options;
  const words = isProgram(trigger) ? trigger : undefined;
  if (words) requireProgram('--trigger exec:', words[0] ?? '', io.env['PATH']);
  const policy = loadTlsPolicy(options.tlsPolicy);
  const { giveUpMs } = settings;
  const known = await openKeySource(options, settings.ues, { policy, mostMs: giveUpMs }, io);
  const addressOf = (impi: Impi): TriggerAddress =>
    (isProgram(trigger) ? undefined : trigger) ?? known.triggerOf(impi) ?? DEFAULT_TRIGGER;
  const addresses = words ? [] : known.impis.map(addressOf);
  if (known.demo && options.dangerouslyAllowDemoKeys !== true) {
    const { listen, advertise } = options;
    requireLoopback([listen, ...(advertise ? [advertise] : []), ...addresses], DEMO_ADVICE);
  }

  requireReachable(options);
  const { binding, only } = usageError(() => bindingFrom(options.tls, options.suite, policy));
  const notice = resumptionNotice(options.resumption, [binding.version]);
  if (notice !== undefined) io.stderr.write(`naf-push: ${notice}\n`);
  const keylog = keyLogFor(options.keylog, 'naf-push', io);
  const { persist } = settings;
  const unlock = persist === undefined ? undefined : lockFolder(persist);
  const saStore =
    persist === undefined
      ? undefined
      : openSaFile({ folder: persist, storeKey: openStoreKey(join(persist, 'store.key')) });
  const server = await listenPushServer({
    bsf: known.bsf,
    triggers: triggerSender(words, known, io),
    policy: only,
    binding,
    resumption: options.resumption ?? 'off',
    nafFqdn: options.naf ?? defaultNafFqdn(known.impis[0]),
    listen: options.listen,
    triggerAddress: words ? () => undefined : addressOf,
    patience: { giveUpMs, ...(words && { triggerMs: CARRIER_MS }) },
    ...(options.gba && {
      uiccOrMe: options.gba === 'u' ? ('GBA_U' as const) : ('GBA_ME' as const),
    }),
    bootstrap: settings.bootstrap ?? true,
    ...(settings.renew && { renew: settings.renew }),
    acceptBootstrapped: settings.acceptBootstrapped ?? false,
    ...(saStore && { saStore }),
    ...(options.advertise && { advertise: options.advertise }),
    ...(options.lifetime !== undefined && { lifetimeSeconds: options.lifetime }),
    ...(keylog && { dangerouslyLogKeys: keylog.write }),
  });
  return {
    server,
    impis: known.impis,
    async close() {
      await server.close();
      await known.close();
      keylog?.close();
      unlock?.();
    },
  };
}

function isProgram(carrier: Carrier | undefined): carrier is ProgramWords {
  return Array.isArray(carrier);
}

function triggerSender(
  words: ProgramWords | undefined,
  { msisdnOf: msisdn }: KeySource,
  io: CommandIo,
): TriggerSender {
  if (words === undefined) return createTriggerSender({ clock: systemClock });
  const onStderr = (chunk: Buffer): void => void io.stderr.write(chunk);
  return createExecTriggerSender({ command: words, clock: systemClock, msisdn, onStderr });
}

function requireReachable({ listen, advertise }: NafOptions): void {
  if (advertise !== undefined || !isUnspecified(listen.host) || listen.port === COAPS_TCP_PORT)
    return;
  throw new CommandFailure(
    EXIT.usage,
    `no UE can connect to ${listen.host}: say by --advertise HOST:PORT where this NAF is reached`,
  );
}
