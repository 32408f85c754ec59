/** Upa towards the UE: an envelope is sent again, by the carrier of its address, until the UE connects. */
import { GbaError, reasonOf } from '../errors.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { ipOctets } from '../lib/ip.ts';
import { formatTriggerAddress, type TriggerAddress } from '../codec/address.ts';
import type { Trigger, TriggerSender } from '../ports.ts';
import { systemLookup } from './network.ts';
import type { TriggerRoute } from './upa.ts';
import { openTcpRoute } from './upa-tcp.ts';
import { openUdpRoute } from './upa-udp.ts';

/** Milliseconds to wait after the n-th sending (from 1); undefined ends it. */
export type ResendSchedule = (attempt: number) => number | undefined;

/** How triggers are sent again. */
export interface TriggerSenderOptions {
  readonly clock: Clock;
  /** By default `backoff()`. */
  readonly schedule?: ResendSchedule;
}

/** 0.3 s, doubling up to 8 s, each up to a quarter longer, without an end. `random` gives 0 to 1. */
export function backoff(random: () => number = Math.random): ResendSchedule {
  return (attempt) => Math.min(8_000, 300 * 2 ** (attempt - 1)) * (1 + random() / 4);
}

/** Sends the same octets every time, to the addresses of a host name in turn; to nobody without an address. */
export function createTriggerSender({
  clock,
  schedule = backoff(),
}: TriggerSenderOptions): TriggerSender {
  const running = new Map<AbortController, Promise<number>>();

  return {
    async send({ envelope, to, onAnswer = ignore }, signal) {
      if (signal.aborted || to === undefined) return 0;
      const stop = new AbortController();
      const onAbort = (): void => {
        stop.abort();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const trigger = { envelope: Uint8Array.from(envelope), to, onAnswer };
      const sending = repeat(trigger, stop.signal, { clock, schedule });
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

type AddressedTrigger = Required<Omit<Trigger, 'impi'>> & { readonly to: TriggerAddress };

async function repeat(
  { envelope, to, onAnswer }: AddressedTrigger,
  stop: AbortSignal,
  { clock, schedule }: Required<TriggerSenderOptions>,
): Promise<number> {
  const hosts = await addressesOf(to);
  const routes = new Map<string, TriggerRoute>();
  const openRoute = to.transport === 'tcp' ? openTcpRoute : openUdpRoute;
  const onUnreachable = (): void => {
    publish('gba:trigger:unreachable', { to: formatTriggerAddress(to) });
  };
  const stopped = new Promise<void>((resolve) => {
    stop.addEventListener('abort', () => {
      resolve();
    });
  });
  let attempt = 0;
  while (!stop.aborted) {
    const host = hosts[attempt % hosts.length] ?? to.host;
    attempt += 1;
    try {
      const route =
        routes.get(host) ??
        (await openRoute({ host, port: to.port, onAnswer, onUnreachable, clock }));
      routes.set(host, route);
      await Promise.race([route.send(envelope), stopped]);
      if (stop.aborted) break;
      const octets = envelope.length;
      publish('gba:trigger:sent', { to: formatTriggerAddress(to), octets, attempt });
    } catch {
      onUnreachable();
    }
    const delay = schedule(attempt);
    if (delay === undefined) break;
    await sleep(clock, delay, stop).catch(() => undefined);
  }
  for (const route of routes.values()) route.close();
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

function noAddress(to: TriggerAddress, reason: string, cause?: unknown): GbaError {
  const why = `cannot send to ${formatTriggerAddress(to)}: ${reason}`;
  return new GbaError('ERR_UPA_ADDRESS', why, { retryable: cause !== undefined, cause });
}

const ignore = (): void => undefined;
