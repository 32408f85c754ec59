/** A relay that sees who speaks when, and may act between two flights of a handshake. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

export interface FlightRelay {
  readonly port: number;
  /** Of the newest connection: whose turn it was, one entry each time that it changed. */
  readonly turns: readonly ('client' | 'server')[];
}

/** `before` is called before the n-th flight of the client goes on to the server, from 1. */
export async function startFlightRelay(
  t: ExecutionContext,
  port: number,
  before: (flight: number) => void = () => undefined,
): Promise<FlightRelay> {
  let turns: ('client' | 'server')[] = [];
  const relay = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const own: typeof turns = [];
    turns = own;
    const speaks = (who: 'client' | 'server'): boolean => {
      if (own.at(-1) === who) return false;
      own.push(who);
      return true;
    };
    client.on('data', (chunk) => {
      if (speaks('client')) before(own.filter((who) => who === 'client').length);
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      speaks('server');
      client.write(chunk);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return {
    port: (relay.address() as AddressInfo).port,
    get turns() {
      return turns;
    },
  };
}
