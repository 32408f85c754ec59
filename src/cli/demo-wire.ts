/** A TCP relay on loopback that can be cut: the wire of the demonstration. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Endpoint } from '../codec/address.ts';

export interface Wire {
  readonly address: Endpoint;
  /** Connections relayed so far. */
  readonly connections: number;
  leadTo(far: Endpoint): void;
  /** Ends every connection, without a word to either end. */
  cut(): void;
  close(): Promise<void>;
}

export async function openWire(): Promise<Wire> {
  const sockets = new Set<Socket>();
  let far: Endpoint | undefined;
  let connections = 0;
  const server = createServer((near) => {
    if (far === undefined) return near.destroy();
    connections += 1;
    const away = connect(far);
    for (const [from, to] of [
      [near, away],
      [away, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    // Not resetAndDestroy: Node 20 can lose the handle of a socket that is reset twice, and then never exits.
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: { host: '127.0.0.1', port },
    get connections() {
      return connections;
    },
    leadTo(endpoint) {
      far = endpoint;
    },
    cut,
    async close() {
      cut();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
