/** Where the keys of UEs come from: a BSF inside this NAF, over a file or a program, or a BSF elsewhere. */
import { Option, type Command } from 'commander';
import { createBsf } from '../bsf/bsf.ts';
import type { TriggerAddress } from '../codec/address.ts';
import type { Fqdn, Impi, Msisdn } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import { openRemoteBsf } from '../naf/remote-bsf.ts';
import { parseHttp2Address, type Http2Address } from '../net/http2-address.ts';
import type { Bsf } from '../ports.ts';
import { readNafSecret } from '../store/naf-secret.ts';
import { EXIT, type CommandIo } from './io.ts';
import { argument, fqdn, impiOf, path, type UeName } from './options.ts';
import { CommandFailure } from './run.ts';
import { addVectorOptions, openSubscribers, type SubscriberOptions } from './subscribers.ts';

export interface KeySourceOptions extends SubscriberOptions {
  readonly bsf?: Http2Address;
  readonly bsfSecret?: string;
  readonly bsfName?: Fqdn;
}

/** A BSF, and what is known besides of those whose keys it gives. */
export interface KeySource {
  readonly bsf: Bsf;
  /** In the order of the names that were given. */
  readonly impis: readonly Impi[];
  /** The keys are known to be published. */
  readonly demo: boolean;
  readonly triggerOf: (impi: Impi) => TriggerAddress | undefined;
  readonly msisdnOf: (impi: Impi) => Msisdn | undefined;
  close(): Promise<void>;
}

export function addKeySourceOptions(command: Command): Command {
  return addVectorOptions(command)
    .addOption(
      new Option(
        '--bsf <address>',
        'keys out of a BSF elsewhere (naf-push bsf): https://host:port, unix:PATH or ' +
          'http://127.0.0.1:port; no keys of SIMs are in this NAF then',
      )
        .argParser(argument(parseHttp2Address))
        .conflicts(['subscribers', 'av']),
    )
    .option(
      '--bsf-secret <file>',
      'what this NAF shows to it, mode 0600: for https: IDENTITY:KEY in hex, else its token',
      path,
    )
    .option(
      '--bsf-name <fqdn>',
      "that BSF's name (default: bsf.mncX.mccY.pub.3gppnetwork.org of the UE)",
      fqdn,
    );
}

export interface KeySourceSettings {
  readonly policy: TlsPolicy;
  /** How long an answer of a BSF elsewhere may take at most, ms. */
  readonly mostMs: number;
}

/**
 * `all`: those of the file; nobody is known of where there is none.
 * @throws ConfigError, BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError; CommandFailure for bad usage.
 */
export async function openKeySource(
  options: KeySourceOptions,
  ues: readonly UeName[] | 'all',
  { policy, mostMs }: KeySourceSettings,
  io: CommandIo,
): Promise<KeySource> {
  const { bsf: address, bsfSecret: secret, bsfName } = options;
  if ((address === undefined) !== (secret === undefined)) {
    throw new CommandFailure(EXIT.usage, '--bsf ADDRESS and --bsf-secret FILE go together');
  }
  if (address === undefined || secret === undefined) {
    const { hss, ...known } = await openSubscribers(options, ues, io);
    const named = bsfName !== undefined && { fqdn: bsfName };
    const bsf = createBsf({ hss, clock: systemClock, policy: policy.keyLifetime, ...named });
    return { ...known, bsf };
  }
  const bsf = openRemoteBsf({
    address,
    proof: readNafSecret(secret, address.scheme === 'https' ? 'psk' : 'token'),
    policy,
    clock: systemClock,
    timeoutMs: Math.min(ANSWER_MS, mostMs),
    ...(bsfName !== undefined && { fqdn: bsfName }),
  });
  return {
    bsf,
    impis: ues === 'all' ? [] : ues.map((ue) => impiOf(ue)),
    demo: false,
    triggerOf: () => undefined,
    msisdnOf: () => undefined,
    close: () => bsf.close(),
  };
}

const ANSWER_MS = 5_000;
