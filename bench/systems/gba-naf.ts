/** The NAF of bench/sides.ts, which is the sender too. It has no store: what it knows is in memory. */
import {
  createBsf,
  createHss,
  createTriggerSender,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  systemClock,
} from '../../src/index.ts';
import { about } from '../lib/orders.ts';
import { payloadOf } from '../lib/payloads.ts';
import { serveSender, type PushTo } from '../lib/pump.ts';
import { NAF } from '../lib/run.ts';
import { subscriberOf } from '../lib/sims.ts';

export interface NafOrder {
  /** Where the n-th UE hears triggers, on 127.0.0.1. */
  readonly ports: readonly number[];
  /** Of every push. */
  readonly ttlSeconds: number;
}

const BOOTSTRAPS_AT_ONCE = 16;

const { ports, ttlSeconds } = about<NafOrder>();
const policy = loadTlsPolicy();
const subscribers = ports.map((_port, n) => subscriberOf(n));
const impis = subscribers.map(({ impi }) => impi);
const triggers = new Map(
  ports.map((port, n) => [impis[n], { transport: 'udp', host: '127.0.0.1', port } as const]),
);
const hss = createHss({ subscribers, store: openMemoryStore() });
const naf = await listenPushServer({
  bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
  triggers: createTriggerSender({ clock: systemClock }),
  policy,
  nafFqdn: NAF,
  listen: { host: '127.0.0.1', port: 0 },
  triggerAddress: (impi) => triggers.get(impi),
});

const pushTo: PushTo = (device, payload, acked) => {
  const impi = impis[device];
  if (impi === undefined) throw new Error(`no UE ${device}`);
  void naf.push(impi, payload, { ttlSeconds }).then((receipt) => {
    if (receipt.state !== 'acked') throw new Error(`${receipt.id}: ${receipt.detail ?? ''}`);
    acked();
  });
};

serveSender(pushTo, {
  /** One push to each, which finds no layer. */
  bootstrap: async (ues = 0) => {
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < ues) {
        const device = next++;
        await new Promise<void>((resolve) => {
          pushTo(device, payloadOf(0), resolve);
        });
      }
    };
    await Promise.all(Array.from({ length: BOOTSTRAPS_AT_ONCE }, one));
  },
});
