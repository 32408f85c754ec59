/** A NAF in one call: BSF and HSS inside, keys out of a file, triggers over UDP and TCP. */
import { createBsf } from '../bsf/bsf.ts';
import { createHss } from '../bsf/hss.ts';
import { DEFAULT_TRIGGER } from '../codec/address.ts';
import { ConfigError } from '../errors.ts';
import { homePublicDomain, parseFqdn, type Fqdn, type Impi } from '../ids.ts';
import { systemClock } from '../lib/clock.ts';
import { listenPushServer, type PushServer, type PushServerOptions } from '../naf/push-server.ts';
import { createTriggerSender } from '../net/upa-sender.ts';
import { openFileStore } from '../store/file-store.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { readSubscribers } from '../store/subscribers.ts';
import { requireLoopback } from './demo-keys.ts';

/** What differs from one NAF to the next; whatever is a port may be given too. */
export interface OpenNafOptions extends Partial<PushServerOptions> {
  /** A subscribers file (docs/operations.md); demo keys serve on loopback only. */
  readonly subscribers: string;
  /** The folder for sequence numbers, on a local disk. */
  readonly state: string;
}

/**
 * Listens on 127.0.0.1 and a free port unless told otherwise, and is named
 * `naf.mncX.mccY.pub.3gppnetwork.org` after the home network of the first subscriber.
 * @throws ConfigError, StoreError.
 */
export async function openNaf(options: OpenNafOptions): Promise<PushServer> {
  const { subscribers: file, state: folder, ...given } = options;
  const { demo, subscribers } = readSubscribers(file);
  const addresses = new Map(
    subscribers.map(({ impi, trigger = DEFAULT_TRIGGER }) => [impi, trigger]),
  );
  const { listen = { host: '127.0.0.1', port: 0 }, policy = loadTlsPolicy() } = given;
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
    triggers: createTriggerSender({ clock: systemClock }),
    triggerAddress: (impi) => addresses.get(impi),
    ...given,
    nafFqdn: given.nafFqdn ?? defaultNafFqdn(subscribers[0]?.impi),
    listen,
    policy,
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
