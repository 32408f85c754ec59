/** The UEs of bench/modes.ts and bench/sweep.ts, in a process of their own; their handlers do nothing, their logs are on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createUsim,
  listenForPushes,
  loadTlsPolicy,
  openHandledLog,
  openMemoryStore,
  parseBsfUrl,
  parseConnectPolicy,
  subscribe,
  systemClock,
  type Endpoint,
  type UeListener,
} from '../../src/index.ts';
import { serveOrders } from '../lib/child.ts';
import type { Kind, UeAt } from './modes.ts';
import { subscriberOf } from './modes-sims.ts';
import { cpuSince, NAF } from '../lib/run.ts';

interface OpenOrder {
  readonly n: number;
  readonly kind: Kind;
  readonly host: string;
  readonly advertise?: Endpoint;
}

interface Ue {
  readonly listener: UeListener;
  readonly kind: Kind;
  /** Ends what `begin` began. */
  stop: AbortController;
}

const folder = mkdtempSync(join(tmpdir(), 'gba-push-bench-'));
const ues: Ue[] = [];

/** CPU from the first thing that a UE heard or did for a layer until it had answered the push, us. */
const ofLayer = { from: undefined as NodeJS.CpuUsage | undefined, us: 0 };
const begins = (): void => {
  ofLayer.from ??= process.cpuUsage();
};
subscribe('gba:trigger:received', begins);
subscribe('gba:dial:started', begins);
subscribe('gba:push:answered', () => {
  const { from } = ofLayer;
  ofLayer.from = undefined;
  if (from === undefined) return;
  // The answer is written when this turn of the loop ends.
  setImmediate(() => {
    ofLayer.us = cpuSince(from);
  });
});

async function open({ n, kind, host, advertise }: OpenOrder): Promise<UeAt> {
  const transport = 'udp';
  const listener = await listenForPushes({
    usim: createUsim({ credentials: subscriberOf(n).credentials, store: openMemoryStore() }),
    listen: { transport, host, port: 0 },
    policy: { ...loadTlsPolicy(), groups: kind.groups },
    connectPolicy: parseConnectPolicy({ '*': ['127.0.0.0/8:*', '10.203.113.0/30:*'] }),
    versions: [kind.binding.version],
    resumption: kind.resumption,
    // Every bootstrap that is measured is a trigger from one address.
    triggerRate: { burst: 1_000_000, perSecond: 1_000_000, sources: 8 },
    handler: () => undefined,
    handledLog: openHandledLog(join(folder, `handled-${n}.log`)),
    ...(advertise && { advertise: { transport, ...advertise } }),
  });
  ues[n] = { listener, kind, stop: new AbortController() };
  return { trigger: listener.address };
}

interface Target {
  readonly n: number;
  readonly connect: Endpoint;
  readonly ub: Endpoint;
}

/** Normal GBA from now on; returns when it began, ms of the machine's own clock. */
function begin({ n, connect, ub }: Target): number {
  const ue = ueOf(n);
  const bsf = parseBsfUrl(`http://${ub.host}:${ub.port}`);
  ue.stop = new AbortController();
  begins();
  const startedAt = Number(process.hrtime.bigint()) / 1e6;
  const { binding } = ue.kind;
  void ue.listener.bootstrap({ bsf, nafFqdn: NAF, connect, binding }, ue.stop.signal);
  return startedAt;
}

function ueOf(n: number): Ue {
  const ue = ues[n];
  if (ue === undefined) throw new Error(`no UE ${n}`);
  return ue;
}

serveOrders(
  {
    open,
    begin,
    stop: ({ n }: { readonly n: number }) => {
      ueOf(n).stop.abort();
    },
    /** What a layer that has just ended left to do is done. */
    settle: async () => {
      await new Promise((resolve) => systemClock.after(1, () => resolve(undefined)));
      ofLayer.us = 0;
    },
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    'cpu-of-layer': () => ofLayer.us,
  },
  async () => {
    await Promise.all(ues.map(({ listener }) => listener.close()));
    rmSync(folder, { recursive: true, force: true });
  },
);
