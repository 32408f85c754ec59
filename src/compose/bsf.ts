/** A BSF in one call: HSS inside, keys of SIMs out of a file. */
import { listenBsf, type BsfServer, type ListenBsfOptions } from '../bsf/bsf-server.ts';
import { createHss } from '../bsf/hss.ts';
import { systemClock } from '../lib/clock.ts';
import { openFileStore } from '../store/file-store.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { readSubscribers } from '../store/subscribers.ts';
import { requireLoopback } from './demo-keys.ts';

/** What differs from one BSF to the next; whatever is a port may be given too. */
export interface OpenBsfOptions extends Partial<Omit<ListenBsfOptions, 'hss'>> {
  /** A subscribers file (docs/operations.md); demo keys serve on loopback only. */
  readonly subscribers: string;
  /** The folder for sequence numbers, on a local disk; several processes may share it. */
  readonly state: string;
}

/** Serves nobody until `listen` with `nafs`, or `ub`, says whom. @throws ConfigError, StoreError. */
export async function openBsf(options: OpenBsfOptions): Promise<BsfServer> {
  const { subscribers: file, state: folder, ...given } = options;
  const { demo, subscribers } = readSubscribers(file);
  if (demo) requireLoopback(placesOf(given), 'use keys of your own');
  const store = await openFileStore({ folder, name: 'hss' });
  try {
    const hss = createHss({ subscribers, store });
    const server = await listenBsf({
      clock: systemClock,
      policy: loadTlsPolicy(),
      ...given,
      hss,
    });
    void server.closed.then(() => store.close());
    return server;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The hosts where a BSF is to listen; a socket file is none. */
export function placesOf({
  listen = [],
  ub,
}: Pick<ListenBsfOptions, 'listen' | 'ub'>): readonly { readonly host: string }[] {
  return [...listen.flatMap((one) => (one.scheme === 'unix' ? [] : [one])), ...(ub ? [ub] : [])];
}
