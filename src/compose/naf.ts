/** A NAF in one call: BSF and HSS inside with keys out of a file, or a BSF elsewhere; triggers over UDP and TCP. */
import { createBsf } from '../bsf/bsf.ts';
import { createHss } from '../bsf/hss.ts';
import { DEFAULT_TRIGGER } from '../codec/address.ts';
import { ConfigError } from '../errors.ts';
import { homePublicDomain, parseFqdn, type Fqdn, type Impi } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import { listenPushServer, type PushServer, type PushServerOptions } from '../naf/push-server.ts';
import { createTriggerSender } from '../net/upa-sender.ts';
import type { Bsf } from '../ports.ts';
import { openFileStore } from '../store/file-store.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { readSubscribers } from '../store/subscribers.ts';
import { requireLoopback } from './demo-keys.ts';

/** What differs from one NAF to the next; whatever is a port may be given too. */
export type OpenNafOptions = Partial<PushServerOptions> & (NafWithSubscribers | NafWithBsf);

/** BSF and HSS are inside the NAF. */
export interface NafWithSubscribers {
  /** A subscribers file (docs/operations.md); demo keys serve on loopback only. */
  readonly subscribers: string;
  /** The folder for sequence numbers, on a local disk. */
  readonly state: string;
}

/** No key of a SIM is in the NAF. */
export interface NafWithBsf {
  /** Where keys come from, as `openRemoteBsf` gives it. Whoever opened it closes it. */
  readonly bsf: Bsf;
  /** The name that the BSF lets this NAF ask for. */
  readonly nafFqdn: Fqdn;
}

/**
 * Listens on 127.0.0.1 and a free port unless told otherwise. With a subscribers file it is named
 * `naf.mncX.mccY.pub.3gppnetwork.org` after the home network of the first subscriber, unless told otherwise.
 * @throws ConfigError, StoreError.
 */
export async function openNaf(options: OpenNafOptions): Promise<PushServer> {
  const { listen = { host: '127.0.0.1', port: 0 }, policy = loadTlsPolicy() } = options;
  const common = { triggers: createTriggerSender({ clock: systemClock }), listen, policy };
  if (!('subscribers' in options)) {
    return listenPushServer({ triggerAddress: () => DEFAULT_TRIGGER, ...common, ...options });
  }
  const { subscribers: file, state: folder, ...given } = options;
  const { demo, subscribers } = readSubscribers(file);
  const addresses = new Map(
    subscribers.map(({ impi, trigger = DEFAULT_TRIGGER }) => [impi, trigger]),
  );
  if (demo) {
    const { advertise } = given;
    requireLoopback(
      [listen, ...(advertise ? [advertise] : []), ...addresses.values()],
      'use keys of your own',
    );
  }
  const store = await openFileStore({ folder, name: 'hss' });
  const hss = createHss({ subscribers, store });
  return listenPushServer({
    bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
    triggerAddress: (impi) => addresses.get(impi),
    nafFqdn: given.nafFqdn ?? defaultNafFqdn(subscribers[0]?.impi),
    ...common,
    ...given,
  });
}

/** `naf.mncX.mccY.pub.3gppnetwork.org`. @throws ConfigError ERR_CONFIG_FILE for an IMPI of another form. */
export function defaultNafFqdn(impi: Impi | undefined): Fqdn {
  const home = impi && homePublicDomain(impi);
  if (home === undefined) {
    const who = impi === undefined ? 'no UE is known yet' : `${impi} has no 3GPP home network`;
    const rule = `${who}: give this NAF a name (--naf FQDN)`;
    throw new ConfigError('ERR_CONFIG_FILE', rule);
  }
  return parseFqdn(`naf${home}`);
}
