/** Where a connection is from: what tells it from every other one, and what its limits count. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../codec/address.ts';

/** Port 0 of no host where it has no address. */
export function remoteOf(stream: Duplex): Endpoint {
  const { remoteAddress = '', remotePort = 0 } = stream as Addressed;
  return { host: remoteAddress, port: remotePort };
}

/** Both ends' addresses, which no other open connection has; a pipe has none. */
export function pathOf(stream: Duplex): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = stream as Addressed;
  if (remoteAddress === undefined) return undefined;
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}

/** TLS reads from a stream in front of `raw`, and has none of its own. */
export function lendAddress(socket: TLSSocket, raw: Duplex): void {
  for (const name of ADDRESS) {
    Object.defineProperty(socket, name, { value: (raw as Addressed)[name], configurable: true });
  }
}

const ADDRESS = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
] as const;

type Addressed = Partial<Pick<Socket, (typeof ADDRESS)[number]>>;
