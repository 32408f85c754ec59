/** The listener of `idle.ts`, alone in its process: our NAF, or Node's bare TLS server with the same keys. */
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import {
  createBsf,
  createHss,
  createTriggerSender,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  openSaFile,
  openStoreKey,
  readSubscribers,
  systemClock,
} from '../src/index.ts';
import { join } from 'node:path';
import { pskIdentityOf } from '../src/ids.ts';
import { packageFile } from '../src/store/policy.ts';
import { NAF } from './_run.ts';
import { TLS13 } from './_floor-node.ts';

export interface IdleOrder {
  readonly bare: boolean;
  /** Its associations. */
  readonly folder: string;
}

/** What it uses now; the parent asks by any message. */
export interface Used {
  readonly rss: number;
  readonly heap: number;
  /** Beside the heap, as far as Node knows of it. */
  readonly external: number;
  readonly cpuUs: number;
  readonly layers: number;
}

const { bare, folder } = JSON.parse(process.argv[2] ?? '') as IdleOrder;
const { port, layers } = bare ? await listenBare() : await listenOurs();

process.on('message', () => {
  for (let i = 0; i < 4; i += 1) globalThis.gc?.();
  const { rss, heapUsed: heap, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const used: Used = { rss, heap, external, cpuUs: user + system, layers: layers() };
  process.send?.(used);
});
process.once('disconnect', () => process.exit());
process.send?.({ port });

async function listenOurs(): Promise<{ port: number; layers: () => number }> {
  const policy = loadTlsPolicy();
  const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
  const hss = createHss({ subscribers, store: openMemoryStore() });
  const naf = await listenPushServer({
    bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
    triggers: createTriggerSender({ clock: systemClock }),
    policy,
    nafFqdn: NAF,
    listen: { host: '127.0.0.1', port: 0 },
    bootstrap: false,
    saStore: openSaFile({ folder, storeKey: openStoreKey(join(folder, 'store.key')) }),
    keepaliveMs: 3_600_000,
  });
  const layers = (): number => naf.associations().filter((sa) => sa.state === 'established').length;
  return { port: naf.address.port, layers };
}

/** The least that there is to a TLS connection in Node: nobody listens to it. */
async function listenBare(): Promise<{ port: number; layers: () => number }> {
  const store = openSaFile({ folder, storeKey: openStoreKey(join(folder, 'store.key')) });
  const keys = new Map<string, Uint8Array>();
  for (const { bTid, key } of store.recover()) keys.set(pskIdentityOf(bTid), key);
  const open = new Set<TLSSocket>();
  const tls = createServer(
    { ...TLS13, ALPNProtocols: ['coap'], pskCallback: (_socket, name) => keys.get(name) ?? null },
    (socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
    },
  );
  const tcp = createTcpServer((raw) => {
    tls.emit('connection', raw);
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  return { port: (tcp.address() as AddressInfo).port, layers: () => open.size };
}
