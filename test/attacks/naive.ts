/** A NAF and a UE as a competent developer writes them from the documentation of `node:tls` alone. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  connect,
  createServer,
  type ConnectionOptions,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { ExecutionContext } from 'ava';
import { pskIdentityOf, type PskIdentity } from '../../src/ids.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { pushTo, type Target } from './target.ts';

export interface NaiveOptions {
  /** Go to `createServer` as they are. */
  readonly tls?: TlsOptions;
  /** True for a developer who has read that a pre-shared key counts as a reused session in TLS 1.3. */
  readonly demandsReuse?: boolean;
}

interface Device {
  readonly key: Uint8Array;
  layer?: TLSSocket;
}

/** Node's three suites of TLS 1.3, and what its documentation shows for pre-shared keys in TLS 1.2. */
const CIPHERS =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:PSK+HIGH:@SECLEVEL=0';

/** One set for all processes of the NAF, as the documentation advises; the name in it is no UTF-8. */
const TICKET_KEYS = Buffer.alloc(48, 0xa5);

/** Listens for these devices until the end of the test. */
export async function startNaive(
  t: ExecutionContext,
  sas: readonly LiveSa[],
  { tls = {}, demandsReuse = false }: NaiveOptions = {},
): Promise<Target> {
  const devices = new Map<string, Device>();
  for (const { bTid, key } of sas) devices.set(randOf(bTid), { key });
  const names = new WeakMap<TLSSocket, string>();
  const layers: TLSSocket[] = [];
  const lookups: string[] = [];
  let log = '';

  const server = createServer({
    ciphers: CIPHERS,
    pskIdentityHint: '3GPP-bootstrapping',
    ticketKeys: TICKET_KEYS,
    pskCallback: (socket, identity) => {
      lookups.push(identity);
      log += `hello of ${identity}\n`;
      // Node.js shows the identity here and nowhere else, so here is noted whose socket it is.
      names.set(socket, identity);
      const device = devices.get(randOf(identity));
      if (device === undefined) return null;
      // One layer for each device: one that comes back has lost the layer that it had.
      if (device.layer !== socket) device.layer?.destroy();
      device.layer = socket;
      return device.key;
    },
    ...tls,
  });
  server.on('tlsClientError', (error) => {
    log += `no layer: ${error.message}\n`;
  });
  server.on('secureConnection', (socket) => {
    const name = names.get(socket) ?? 'a known device';
    log += `layer of ${name}, which asked for ${String(socket.servername)}\n`;
    layers.push(socket);
    socket.on('error', () => undefined);
    if (demandsReuse && !socket.isSessionReused()) socket.end('a key is needed');
    else socket.write(pushTo(name));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of layers) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    lookups,
    log: () => log,
    revoke: ({ bTid }) => {
      devices.delete(randOf(bTid));
    },
    push: ({ bTid }) => {
      devices.get(randOf(bTid))?.layer?.write('another push');
    },
  };
}

/** Host names and base64 have many spellings, so the key is found by the RAND inside the B-TID. */
function randOf(identity: string): string {
  const bTid = identity.split(';').at(-1) ?? '';
  return Buffer.from(bTid.split('@')[0] ?? '', 'base64').toString('hex');
}

/** Dials as the documentation shows for pre-shared keys. @throws Error of Node.js. */
export async function dialNaive(
  port: number,
  { bTid, key, nafFqdn }: LiveSa,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const identity: PskIdentity = pskIdentityOf(bTid);
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: nafFqdn,
    ciphers: CIPHERS,
    pskCallback: () => ({ psk: key, identity }),
    checkServerIdentity: () => undefined,
    ...options,
  });
  await once(socket, 'secureConnect');
  return socket;
}
