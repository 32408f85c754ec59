/** One server of bench/gate.ts, alone in its process, so that no other one shapes how its code is compiled. */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { createPskGate, type PskLookup } from '../../src/async-psk/index.ts';
import { loadTlsPolicy, systemClock } from '../../src/index.ts';
import { listenPsk } from '../../src/net/psk-server.ts';
import { announce, type LiveSa } from '../../src/sa/association.ts';
import { AT_ONCE, GATE_KEY, TLS, type GateServerOrder, type GateUse } from './gate.ts';
import { recordOf } from '../lib/run.ts';

const { system, version, lookupMs } = JSON.parse(process.argv[2] ?? '') as GateServerOrder;
/** Those on their way, and those that have just been proved. Few: what a large Map sheds would be garbage of the benchmark's own. */
const REMEMBERED = 2 * AT_ONCE;
let proved = 0;

const lookups: Partial<Record<typeof system, PskLookup>> = {
  direct: () => GATE_KEY,
  remote: () => answered(() => GATE_KEY),
};

function answered<T>(give: () => T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve(give());
    }, lookupMs);
  });
}

async function listenBare(): Promise<number> {
  const lookup = lookups[system];
  const gate = lookup && createPskGate({ lookup });
  const server = createServer({
    ...TLS[version],
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    pskCallback: gate?.pskCallback ?? (() => GATE_KEY),
  });
  gate?.attach(server);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    if (gate === undefined || typeof gate.identityOf(socket) === 'string') proved += 1;
    socket.end();
  });
  if (system.startsWith('peek')) peek(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What any gate must do, and no more: also for a key that it has to wait for. */
function peek(server: Server): void {
  const [serve] = server.listeners('connection') as ((raw: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (raw: Socket) => {
    raw.on('error', () => undefined);
    raw.once('data', (hello: Buffer) => {
      raw.pause();
      raw.unshift(hello);
      if (system === 'peek') serve?.call(server, raw);
      else void answered(() => serve?.call(server, raw));
    });
  });
}

/** The NAF's own listener; behind its gate nobody is known before the lookup. */
async function listenNaf(): Promise<number> {
  const known = new Set<string>();
  const ring = new Array<string>(REMEMBERED).fill('');
  let next = 0;
  const terms = recordOf(0, Date.now() + 3_600_000);
  const suite = 'ECDHE-PSK-CHACHA20-POLY1305';
  const sa = announce(
    { ...terms, binding: version === '1.3' ? { version } : { version, suite } },
    Uint8Array.from(GATE_KEY),
  );
  const isRemote = system === 'naf, remote';
  const server = await listenPsk({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock, versions: [version] },
    policy: { ...loadTlsPolicy(), groups: ['X25519'] },
    find: (identity): LiveSa | undefined => (!isRemote || known.has(identity) ? sa : undefined),
    ...(isRemote && {
      lookup: (identity, wait) => {
        wait.onOver(() => undefined);
        return answered(() => {
          known.delete(ring[next] ?? '');
          known.add((ring[next] = identity));
          next = (next + 1) % REMEMBERED;
        });
      },
    }),
    onLayer: ({ socket }) => {
      proved += 1;
      socket.end();
    },
  });
  return server.address.port;
}

const port = await (system.startsWith('naf') ? listenNaf() : listenBare());
process.on('message', () => {
  const { user, system: ofSystem } = process.cpuUsage();
  process.send?.({ cpuUs: user + ofSystem, proved } satisfies GateUse);
});
process.once('disconnect', () => process.exit());
process.send?.({ port });
