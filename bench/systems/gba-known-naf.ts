/** A NAF that knows associations whose layers are gone, alone in its process; its store is in memory. */
import {
  createBsf,
  createHss,
  createTriggerSender,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  systemClock,
  type SaStore,
} from '../../src/index.ts';
import { about } from '../lib/orders.ts';
import { serveSender } from '../lib/pump.ts';
import { NAF, recordOf } from '../lib/run.ts';

export interface KnownNafOrder {
  readonly associations: number;
}

const { associations } = about<KnownNafOrder>();
const expiresAt = Date.now() + 3_600_000;
const saStore: SaStore = {
  recover: () => Array.from({ length: associations }, (_, n) => recordOf(n, expiresAt)),
  put: () => undefined,
  delete: () => undefined,
  close: () => undefined,
};
const policy = loadTlsPolicy();
const hss = createHss({ subscribers: [], store: openMemoryStore() });

serveSender(
  () => {
    throw new Error('this NAF pushes nothing');
  },
  {
    listen: async () => {
      const naf = await listenPushServer({
        bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
        triggers: createTriggerSender({ clock: systemClock }),
        policy,
        nafFqdn: NAF,
        listen: { host: '127.0.0.1', port: 0 },
        bootstrap: false,
        saStore,
        keepaliveMs: 3_600_000,
      });
      return { port: naf.address.port };
    },
  },
);
