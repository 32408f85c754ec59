/** The BSF of bench/modes.ts and bench/sweep.ts, in a process of its own: Nbsp_GBA over TLS 1.3 and Ub. */
import {
  createHss,
  listenBsf,
  loadTlsPolicy,
  openMemoryStore,
  systemClock,
  type BsfServer,
} from '../../src/index.ts';
import { serveOrders } from '../lib/child.ts';
import type { BsfAt, Kind } from './modes.ts';
import { NAF_AT_BSF, subscriberOf } from './modes-sims.ts';

let server: BsfServer | undefined;

serveOrders(
  {
    async open({
      kinds,
      host,
    }: {
      readonly kinds: readonly Kind[];
      readonly host: string;
    }): Promise<BsfAt> {
      const subscribers = kinds.map((_, n) => subscriberOf(n).record);
      server = await listenBsf({
        hss: createHss({ subscribers, store: openMemoryStore() }),
        clock: systemClock,
        policy: loadTlsPolicy(),
        nafs: [NAF_AT_BSF],
        listen: [{ scheme: 'https', host, port: 0 }],
        ub: { host, port: 0 },
        ubRate: { burst: 1_000_000, perSecond: 1_000_000, sources: 8 },
      });
      const [nbsp] = server.nbsp;
      if (nbsp === undefined || nbsp.scheme === 'unix' || server.ub === undefined)
        throw new Error('it does not listen');
      return { nbsp: { host: nbsp.host, port: nbsp.port }, ub: server.ub };
    },
  },
  async () => {
    await server?.close();
  },
);
