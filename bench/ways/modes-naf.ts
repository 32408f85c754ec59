/** The NAFs of bench/modes.ts and bench/sweep.ts, in a process of their own: what each push takes, by their clock and CPU. */
import {
  createBsf,
  createHss,
  createTriggerSender,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  openRemoteBsf,
  subscribe,
  systemClock,
  type Bsf,
  type Endpoint,
  type Impi,
  type PushServer,
  type TriggerAddress,
} from '../../src/index.ts';
import { serveOrders } from '../lib/child.ts';
import type { Handshakes, Kind, Opened, Reused } from './modes.ts';
import { BSF_PROOF, subscriberOf } from './modes-sims.ts';
import { cpuSince, NAF } from '../lib/run.ts';

interface OpenOrder {
  readonly n: number;
  readonly kind: Kind;
  readonly host: string;
  readonly advertise?: Endpoint;
  readonly trigger: TriggerAddress;
  readonly bsf: Endpoint;
}

interface One {
  readonly n: number;
}

const payload = Buffer.alloc(100, 'x');
const policy = loadTlsPolicy();
const nafs: { readonly server: PushServer; readonly impi: Impi; settledAt: number }[] = [];

async function open({ n, kind, host, advertise, trigger, bsf }: OpenOrder): Promise<Endpoint> {
  const { record } = subscriberOf(n);
  const { binding, resumption, groups, keys } = kind;
  const server = await listenPushServer({
    bsf: keys === 'inside' ? ownBsf(n) : remoteBsf(bsf),
    triggers: createTriggerSender({ clock: systemClock }),
    policy: { ...policy, groups },
    nafFqdn: NAF,
    listen: { host, port: 0 },
    triggerAddress: () => trigger,
    binding,
    resumption,
    bootstrap: keys !== 'ub',
    acceptBootstrapped: keys === 'ub',
    ...(advertise && { advertise }),
  });
  nafs[n] = { server, impi: record.impi, settledAt: 0 };
  return server.address;
}

function ownBsf(n: number): Bsf {
  const hss = createHss({ subscribers: [subscriberOf(n).record], store: openMemoryStore() });
  return createBsf({ hss, clock: systemClock, policy: policy.keyLifetime });
}

function remoteBsf(at: Endpoint): Bsf {
  const address = { scheme: 'https', ...at } as const;
  return openRemoteBsf({ address, proof: BSF_PROOF, policy, clock: systemClock });
}

/** Ends the layer, and for `revoke` the association; resolves when the layer is gone. */
async function end({ n, how }: One & { readonly how: 'park' | 'revoke' }): Promise<void> {
  const { server, impi } = nafOf(n);
  if (how === 'park') return void (await server.park(impi));
  const bTids = new Set<string>(server.associations(impi).map(({ bTid }) => bTid));
  const open = server.associations(impi).some(({ state }) => state === 'established');
  const gone = new Promise<void>((resolve) => {
    const unsubscribe = subscribe('gba:layer:closed', ({ bTid }) => {
      if (!bTids.has(bTid)) return;
      unsubscribe();
      resolve();
    });
  });
  server.revoke(impi);
  if (open) await gone;
}

async function openByPush({ n }: One): Promise<Omit<Opened, 'ueCpuUs'>> {
  const naf = nafOf(n);
  const cpu = process.cpuUsage();
  const receipt = await naf.server.push(naf.impi, payload, { ttlSeconds: 60 });
  const nafCpuUs = cpuSince(cpu);
  naf.settledAt = machineMs();
  const { state, via, ms } = receipt;
  if (state !== 'acked') throw new Error(JSON.stringify(receipt));
  return { via, ms: ms.total, fromConnectionMs: ms.handshake + ms.push, nafCpuUs };
}

async function reuse({
  n,
  count,
}: One & { readonly count: number }): Promise<Omit<Reused, 'ueCpuUs'>> {
  const { server, impi } = nafOf(n);
  const ms: number[] = [];
  const cpu = process.cpuUsage();
  for (let i = 0; i < count; i += 1) {
    // A short TTL lets the UE forget ids while the run lasts.
    const receipt = await server.push(impi, payload, { ttlSeconds: 60 });
    if (receipt.state !== 'acked' || receipt.via !== 'reuse')
      throw new Error(JSON.stringify(receipt));
    ms.push(receipt.ms.total);
  }
  return { ms, nafCpuUs: cpuSince(cpu) };
}

function nafOf(n: number): (typeof nafs)[number] {
  const naf = nafs[n];
  if (naf === undefined) throw new Error(`no NAF ${n}`);
  return naf;
}

/** The same clock in every process of this machine. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

serveOrders(
  {
    open,
    end,
    reuse,
    'open-by-push': openByPush,
    'settled-at': ({ n }: One) => nafOf(n).settledAt,
    handshakes: ({ n }: One): Handshakes => {
      const { fullHandshakes: full, resumedHandshakes: resumed } = nafOf(n).server;
      return { full, resumed };
    },
  },
  async () => {
    await Promise.all(nafs.map(({ server }) => server.close()));
  },
);
