/** The NAF of `start.ts`, alone in its process: how long each step of its start takes, and what it keeps. */
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type * as Api from '../../src/index.ts';
import type * as PushServerFile from '../../src/naf/push-server.ts';
import type * as PolicyFile from '../../src/store/policy.ts';

export interface StartOrder {
  /** The checkout whose sources are measured. */
  readonly root: string;
  readonly folder: string;
  /** Epoch ms at which all associations end: the clock is put forward, so that it comes after so long. */
  readonly expire?: { readonly at: number; readonly afterMs: number };
}

export interface Started {
  readonly openMs: number;
  readonly recoverMs: number;
  readonly listenMs: number;
  /** Of all three, user and system. */
  readonly cpuMs: number;
  readonly port: number;
  readonly associations: number;
  readonly rssOctets: number;
  /** Heap, and what lies beside it: keys. */
  readonly keptOctets: number;
}

export interface Ended {
  /** From the moment of the expiry until the last is gone. */
  readonly endMs: number;
  /** The longest time in which nothing else could happen. */
  readonly blockedMs: number;
}

const order = JSON.parse(process.argv[2] ?? '') as StartOrder;
const { root, folder, expire } = order;
const from = async <T>(file: string): Promise<T> =>
  (await import(pathToFileURL(join(root, file)).href)) as T;
const api = await from<typeof Api>('src/index.ts');
const { PushServer } = await from<typeof PushServerFile>('src/naf/push-server.ts');
const { packageFile } = await from<typeof PolicyFile>('src/store/policy.ts');

const { subscribers } = api.readSubscribers(packageFile('certs-none/demo-subscribers.json'));
const policy = api.loadTlsPolicy();
const storeKey = api.openStoreKey(join(folder, 'store.key'));
const hss = api.createHss({ subscribers, store: api.openMemoryStore() });
const before = used();
const cpu = process.cpuUsage();
const startedAt = performance.now();
const saStore = api.openSaFile({ folder, storeKey });
const openedAt = performance.now();
const ahead = expire === undefined ? 0 : expire.at - Date.now() - expire.afterMs;
const clock = { ...api.systemClock, now: () => Date.now() + ahead };
const naf = new PushServer({
  bsf: api.createBsf({ hss, clock, policy: policy.keyLifetime }),
  triggers: api.createTriggerSender({ clock }),
  policy,
  nafFqdn: api.parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org'),
  listen: { host: '127.0.0.1', port: 0 },
  bootstrap: false,
  saStore,
  clock,
});
const recoveredAt = performance.now();
await naf.listening;
const listeningAt = performance.now();
const { user, system } = process.cpuUsage(cpu);
const after = used();
const started: Started = {
  openMs: openedAt - startedAt,
  recoverMs: recoveredAt - openedAt,
  listenMs: listeningAt - recoveredAt,
  cpuMs: (user + system) / 1_000,
  port: naf.address.port,
  associations: naf.associations().length,
  rssOctets: after.rss - before.rss,
  keptOctets: after.kept - before.kept,
};
let closed = 0;
api.subscribe('gba:sa:closed', () => (closed += 1));
process.send?.(started);

if (expire !== undefined) {
  await pause(expire.at - clock.now() - 100);
  const end = await watch(performance.now() + 100, async () => {
    while (closed < started.associations) await pause(1);
  });
  process.send?.(end);
}
process.once('message', () => {
  void watch(performance.now(), () => naf.close()).then((end) => {
    process.send?.(end);
    process.disconnect();
  });
});

/** The longest gap between two turns of the event loop while `work` is under way. */
async function watch(fromAt: number, work: () => Promise<void>): Promise<Ended> {
  let [last, blockedMs] = [performance.now(), 0];
  const timer = setInterval(() => {
    blockedMs = Math.max(blockedMs, performance.now() - last - 2);
    last = performance.now();
  }, 2);
  await work();
  blockedMs = Math.max(blockedMs, performance.now() - last - 2);
  clearInterval(timer);
  return { endMs: performance.now() - fromAt, blockedMs };
}

function used(): { readonly rss: number; readonly kept: number } {
  for (let i = 0; i < 4; i += 1) globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, kept: heapUsed + external };
}
