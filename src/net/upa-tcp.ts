/** Upa over TCP: one envelope is one connection, ended by its sender; an answer comes back before the other end. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { ConfigError, reasonOf } from '../errors.ts';
import { publish } from '../lib/events.ts';
import { formatEndpoint, formatTriggerAddress, type Endpoint } from '../codec/address.ts';
import {
  isTooLong,
  MAX_TRIGGER_OCTETS,
  type TriggerListener,
  type TriggerListenerOptions,
  type TriggerRoute,
  type TriggerRouteOptions,
} from './upa.ts';

/** Each sending is a connection of its own, which stays open for an answer. */
export function openTcpRoute({
  host,
  port,
  onAnswer,
  clock,
}: TriggerRouteOptions): Promise<TriggerRoute> {
  const open = new Set<Socket>();
  return Promise.resolve({
    async send(envelope) {
      const socket = connect({ host, port });
      open.add(socket);
      const deadline = clock.after(CONNECTION_MS, () => socket.destroy());
      socket.once('close', () => {
        deadline.cancel();
        open.delete(socket);
      });
      socket.on('error', ignore);
      collect(socket, onAnswer);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('close', () => {
          reject(new Error('no connection'));
        });
      });
      socket.end(envelope);
    },
    close() {
      for (const socket of open) socket.destroy();
    },
  });
}

/**
 * Reads one envelope of each connection. Every connection ends a second after its envelope is here,
 * answered or not, so that its time tells nothing of what the SIM said.
 * @throws ConfigError ERR_CONFIG_ADDRESS when nothing can listen at that address.
 */
export async function listenTcpTriggers({
  at,
  clock,
  onTrigger,
}: TriggerListenerOptions): Promise<TriggerListener> {
  const server = createServer({ allowHalfOpen: true });
  server.maxConnections = MAX_CONNECTIONS;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    const { remoteAddress: host = '', remotePort: port = 0 } = socket;
    const from: Endpoint = { host, port };
    let deadline = clock.after(CONNECTION_MS, () => socket.destroy());
    let answer: Uint8Array | undefined;
    socket.on('error', ignore);
    socket.once('close', () => {
      open.delete(socket);
      deadline.cancel();
    });
    collect(socket, (octets) => {
      deadline.cancel();
      deadline = clock.after(ANSWER_MS, () => {
        if (answer) socket.write(answer);
        socket.destroySoon();
      });
      publish('gba:trigger:received', { from: formatEndpoint(from), octets: octets.length });
      if (isTooLong(octets.length, from)) return;
      onTrigger(octets, from, (reply) => {
        answer = reply;
      });
    });
  });
  try {
    server.listen({ host: at.host, port: at.port });
    await once(server, 'listening');
  } catch (cause) {
    const why = `cannot listen at ${formatTriggerAddress(at)} (${reasonOf(cause)}); choose another address or port`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', why, { cause });
  }
  const { address: host, port } = server.address() as AddressInfo;
  const closed = once(server, 'close');
  const close = async (): Promise<void> => {
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { address: { transport: 'tcp', host, port }, close, [Symbol.asyncDispose]: close };
}

/** Gives everything up to the peer's end at once, or what is too long as soon as it is; nothing for nothing. */
function collect(socket: Socket, onAll: (octets: Uint8Array) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    if (length > MAX_TRIGGER_OCTETS) return;
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_TRIGGER_OCTETS) finish();
  });
  const finish = (): void => {
    if (length > 0) onAll(Uint8Array.from(Buffer.concat(chunks)));
  };
  socket.once('end', () => {
    if (length <= MAX_TRIGGER_OCTETS) finish();
  });
}

/** A connection that brings no whole envelope, or no answer, in this time is given up. */
const CONNECTION_MS = 5_000;
const ANSWER_MS = 1_000;
const MAX_CONNECTIONS = 64;
/** `close` follows. */
const ignore = (): void => undefined;
