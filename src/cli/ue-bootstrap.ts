/** `ue-listen --bootstrap`: the device gets a key by itself and keeps its layer to one NAF open. */
import type { Command } from 'commander';
import type { Endpoint } from '../codec/address.ts';
import { requireLoopback } from '../compose/demo-keys.ts';
import { defaultNafFqdn } from '../compose/naf.ts';
import type { Fqdn, Impi } from '../ids.ts';
import type { BootstrapTarget } from '../ue/bootstrap.ts';
import { parseBsfUrl } from '../ue/ub-client.ts';
import { EXIT } from './io.ts';
import { argument, farEndpoint, fqdn } from './options.ts';
import { CommandFailure } from './run.ts';

export interface UeBootstrapOptions {
  readonly bootstrap?: URL;
  readonly naf?: Fqdn;
  readonly connect?: Endpoint;
  readonly bsfName?: Fqdn;
  readonly dangerouslyAllowDemoKeys?: boolean;
}

/** Adds the options of normal GBA. */
export function addBootstrapOptions(command: Command): Command {
  return command
    .option(
      '--bootstrap <url>',
      'get a key from the BSF at http://host:port (Ub) and keep a layer to a NAF open, without triggers',
      argument(parseBsfUrl),
    )
    .option(
      '--naf <fqdn>',
      'with --bootstrap: the NAF (default: naf.mncX.mccY.pub.3gppnetwork.org of the SIM)',
      fqdn,
    )
    .option(
      '--connect <host:port>',
      "with --bootstrap: where the NAF is, as the connect policy allows (default: its name's address, port 5684)",
      farEndpoint,
    )
    .option(
      '--bsf-name <fqdn>',
      "with --bootstrap: the BSF's name (default: bsf.mncX.mccY.pub.3gppnetwork.org of the SIM)",
      fqdn,
    );
}

/**
 * What the options ask for; undefined without `--bootstrap`. @throws CommandFailure for options that need
 * it, ConfigError ERR_CONFIG_DEMO for a demo SIM and a BSF beyond loopback, or ERR_CONFIG_FILE.
 */
export function bootstrapTarget(
  options: UeBootstrapOptions,
  { impi, demo }: { readonly impi: Impi; readonly demo: boolean },
): BootstrapTarget | undefined {
  const { bootstrap: bsf, naf, connect, bsfName } = options;
  if (bsf === undefined) {
    const [alone] = Object.entries({ naf, connect, 'bsf-name': bsfName }).find(([, v]) => v) ?? [];
    if (alone === undefined) return undefined;
    const rule = `--${alone} goes with --bootstrap http://host:port; a trigger says it by itself`;
    throw new CommandFailure(EXIT.usage, rule);
  }
  if (demo && options.dangerouslyAllowDemoKeys !== true) {
    const host = bsf.hostname.replace(/^\[|\]$/g, '');
    requireLoopback([{ host }], 'give --usim FILE, or --dangerously-allow-demo-keys');
  }
  return {
    bsf,
    nafFqdn: naf ?? defaultNafFqdn(impi),
    ...(connect && { connect }),
    ...(bsfName !== undefined && { bsfFqdn: bsfName }),
  };
}
