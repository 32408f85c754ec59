/** Upa over UDP: one envelope is one datagram, and so is an answer. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ConfigError, reasonOf } from '../errors.ts';
import { publish } from '../lib/events.ts';
import { ipOctets } from '../lib/ip.ts';
import { formatEndpoint, formatTriggerAddress, type Endpoint } from '../codec/address.ts';
import { systemLookup } from './network.ts';
import {
  isTooLong,
  type TriggerListener,
  type TriggerListenerOptions,
  type TriggerRoute,
  type TriggerRouteOptions,
} from './upa.ts';

/** A connected socket takes datagrams from that address alone, and hears ICMP "port unreachable" as `error`. */
export async function openUdpRoute(options: TriggerRouteOptions): Promise<TriggerRoute> {
  const { host, port, onAnswer, onUnreachable } = options;
  const socket = createSocket(familyOf(host));
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
  } catch (cause) {
    socket.close();
    throw cause;
  }
  socket.on('error', onUnreachable);
  socket.on('message', (octets) => {
    onAnswer(Uint8Array.from(octets));
  });
  return {
    send(envelope) {
      socket.send(envelope);
    },
    close() {
      socket.close();
    },
  };
}

/** @throws ConfigError ERR_CONFIG_ADDRESS when nothing can listen at that address. */
export async function listenUdpTriggers({
  at,
  onTrigger,
}: TriggerListenerOptions): Promise<TriggerListener> {
  const socket = await bind(at);
  let open = true;
  socket.on('message', (octets, { address, port }) => {
    const from = { host: address, port };
    publish('gba:trigger:received', { from: formatEndpoint(from), octets: octets.length });
    if (isTooLong(octets.length, from) || isFromNowhere(from)) return;
    onTrigger(Uint8Array.from(octets), from, (answer) => {
      // What cannot be sent is lost, as on the way.
      if (open) socket.send(answer, port, address, ignore);
    });
  });
  const { address: host, port } = socket.address();
  const closed = once(socket, 'close');
  const close = async (): Promise<void> => {
    if (open) socket.close();
    open = false;
    await closed;
  };
  return { address: { transport: 'udp', host, port }, close, [Symbol.asyncDispose]: close };
}

async function bind({ host, port }: Endpoint): Promise<Socket> {
  let socket: Socket | undefined;
  try {
    const [address = host] = ipOctets(host) ? [host] : await systemLookup(host);
    socket = createSocket(familyOf(address));
    const listening = once(socket, 'listening');
    socket.bind(port, address);
    await listening;
    return socket;
  } catch (cause) {
    socket?.close();
    const where = formatTriggerAddress({ transport: 'udp', host, port });
    const why = `cannot listen at ${where} (${reasonOf(cause)}); choose another address or port`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
}

/** True, and told, for source port 0: a forgery, since nobody can be answered there. */
function isFromNowhere(from: Endpoint): boolean {
  if (from.port > 0) return false;
  const reason = 'it names no port where its sender could be';
  publish('gba:trigger:refused', { from: formatEndpoint(from), code: 'ERR_UPA_MALFORMED', reason });
  return true;
}

const ignore = (): void => undefined;

function familyOf(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4';
}
