/** Upa over UDP: a GPI is sent again until the UE connects; the UE never answers on UDP. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ConfigError, GbaError, reasonOf } from '../errors.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { ipOctets } from '../lib/ip.ts';
import type { TriggerSender } from '../ports.ts';
import { systemLookup } from './network.ts';
import {
  formatEndpoint,
  formatTriggerAddress,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';

/** Milliseconds to wait after the n-th sending (from 1); undefined ends it. */
export type ResendSchedule = (attempt: number) => number | undefined;

export interface UdpTriggerSenderOptions {
  readonly clock: Clock;
  /** By default `backoff()`. */
  readonly schedule?: ResendSchedule;
}

/** A longer datagram is no envelope. */
export const MAX_DATAGRAM_OCTETS = 512;

/** 0.3 s, doubling up to 8 s, each up to a quarter longer, without an end. `random` gives 0 to 1. */
export function backoff(random: () => number = Math.random): ResendSchedule {
  return (attempt) => Math.min(8_000, 300 * 2 ** (attempt - 1)) * (1 + random() / 4);
}

/** Sends the same octets every time, to the addresses of a host name in turn. */
export function createUdpTriggerSender({
  clock,
  schedule = backoff(),
}: UdpTriggerSenderOptions): TriggerSender {
  const running = new Map<AbortController, Promise<number>>();

  return {
    async send(envelope, to, signal) {
      const stop = new AbortController();
      const onAbort = (): void => {
        stop.abort();
      };
      if (signal.aborted) return 0;
      signal.addEventListener('abort', onAbort, { once: true });
      const sending = repeat(Uint8Array.from(envelope), to, stop.signal, { clock, schedule });
      running.set(stop, sending);
      try {
        return await sending;
      } finally {
        running.delete(stop);
        signal.removeEventListener('abort', onAbort);
      }
    },

    async close() {
      for (const stop of running.keys()) stop.abort();
      await Promise.allSettled(running.values());
    },
  };
}

export interface UdpTriggerListenerOptions {
  /** Port 0 takes any free one. */
  readonly at: Endpoint;
  /** Called for each datagram of at most 512 octets; it owns the octets. */
  readonly onDatagram: (octets: Uint8Array, from: Endpoint) => void;
}

/** A socket that only receives. */
export interface UdpTriggerListener extends AsyncDisposable {
  /** Where it really listens. */
  readonly address: Endpoint;
  close(): Promise<void>;
}

/** @throws ConfigError ERR_CONFIG_ADDRESS when nothing can listen at that address. */
export async function listenUdpTriggers({
  at,
  onDatagram,
}: UdpTriggerListenerOptions): Promise<UdpTriggerListener> {
  const socket = await bind(at);
  socket.on('message', (octets, { address: host, port }) => {
    const from = { host, port };
    publish('gba:trigger:received', { from: formatEndpoint(from), octets: octets.length });
    if (octets.length <= MAX_DATAGRAM_OCTETS) return onDatagram(Uint8Array.from(octets), from);
    publish('gba:trigger:refused', {
      from: formatEndpoint(from),
      code: 'ERR_UPA_MALFORMED',
      reason: `an envelope has at most ${MAX_DATAGRAM_OCTETS} octets, not ${octets.length}`,
    });
  });
  const { address: host, port } = socket.address();
  const closed = once(socket, 'close');
  let open = true;
  const close = async (): Promise<void> => {
    if (open) socket.close();
    open = false;
    await closed;
  };
  return { address: { host, port }, close, [Symbol.asyncDispose]: close };
}

async function repeat(
  envelope: Uint8Array,
  to: TriggerAddress,
  stop: AbortSignal,
  { clock, schedule }: Required<UdpTriggerSenderOptions>,
): Promise<number> {
  const hosts = await addressesOf(to);
  const sockets = new Map<string, Socket>();
  let attempt = 0;
  while (!stop.aborted) {
    const host = hosts[attempt % hosts.length] ?? to.host;
    attempt += 1;
    try {
      const socket = sockets.get(host) ?? (await connect({ host, port: to.port }, to));
      sockets.set(host, socket);
      socket.send(envelope);
      const octets = envelope.length;
      publish('gba:trigger:sent', { to: formatTriggerAddress(to), octets, attempt });
    } catch {
      publish('gba:trigger:unreachable', { to: formatTriggerAddress(to) });
    }
    const delay = schedule(attempt);
    if (delay === undefined) break;
    await sleep(clock, delay, stop).catch(() => undefined);
  }
  for (const socket of sockets.values()) socket.close();
  return attempt;
}

async function addressesOf(to: TriggerAddress): Promise<readonly string[]> {
  if (to.port === 0) throw noAddress(to, 'port 0 cannot be sent to');
  if (ipOctets(to.host) !== undefined) return [to.host];
  try {
    return await systemLookup(to.host);
  } catch (cause) {
    throw noAddress(to, reasonOf(cause), cause);
  }
}

/** A connected socket hears ICMP "port unreachable", as `error`. */
async function connect({ host, port }: Endpoint, to: TriggerAddress): Promise<Socket> {
  const socket = createSocket(familyOf(host));
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
  } catch (cause) {
    socket.close();
    throw cause;
  }
  socket.on('error', () => {
    publish('gba:trigger:unreachable', { to: formatTriggerAddress(to) });
  });
  return socket;
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

function noAddress(to: TriggerAddress, reason: string, cause?: unknown): GbaError {
  const why = `cannot send to ${formatTriggerAddress(to)}: ${reason}`;
  return new GbaError('ERR_UPA_ADDRESS', why, { retryable: cause !== undefined, cause });
}
