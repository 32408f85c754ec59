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
    if (isTooLong(octets.length, from)) return;
    onTrigger(Uint8Array.from(octets), from, (answer) => {
      if (open) socket.send(answer, port, address);
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
  try {
    const [address = host] = ipOctets(host) ? [host] : await systemLookup(host);
    const socket = createSocket(familyOf(address));
    const listening = once(socket, 'listening');
    socket.bind(port, address);
    await listening;
    return socket;
  } catch (cause) {
    const where = formatTriggerAddress({ transport: 'udp', host, port });
    const why = `cannot listen at ${where} (${reasonOf(cause)}); choose another address or port`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
}

function familyOf(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4';
}
