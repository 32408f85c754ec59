/** Whom `naf-push bench` drives: a NAF of its own, or over its control socket one that serves already. */
import type { Impi } from '../ids.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { pushBurst, type BurstOrder } from './burst.ts';
import { viewOf, type ReceiptView } from './control-messages.ts';
import { askControl, askForBurst, nafFolder } from './control.ts';
import { EXIT, type CommandIo } from './io.ts';
import { openNaf, type NafOptions } from './naf.ts';
import type { UeName } from './options.ts';
import { CommandFailure } from './run.ts';

export interface BenchTarget {
  /** @throws GbaError; the signal's reason. */
  push(order: BurstOrder, signal: AbortSignal): Promise<MeasuredBurst>;
  /** Ends the layer; the key stays. */
  park(): Promise<void>;
  /** Ends the association, so that the next push goes by bootstrap. */
  revoke(): Promise<void>;
  /** What the UE's newest association is bound to: `1.3`, or `1.2` and the suite; undefined when it has none. */
  tls(): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface MeasuredBurst {
  readonly receipts: readonly ReceiptView[];
  readonly ms: number;
}

/** @throws as `openNaf` of `naf.ts`. */
export async function openOwnTarget(
  ue: UeName,
  options: NafOptions & { readonly timeout: number },
  io: CommandIo,
): Promise<BenchTarget> {
  const naf = await openNaf(options, io, { ues: [ue], giveUpMs: options.timeout * 1_000 });
  const { server } = naf;
  const [impi] = naf.impis as readonly [Impi];
  return {
    async push(order, signal) {
      const ttlSeconds = order.ttlSeconds + LATER_S;
      const burst = pushBurst(server, impi, { ...order, ttlSeconds });
      return untilAborted(
        burst.then(({ receipts, ms }) => ({ receipts: receipts.map(withoutAbsent), ms })),
        signal,
      );
    },
    async park() {
      await server.park(impi);
    },
    async revoke() {
      if (server.revoke(impi) > 0) await sleep(systemClock, REVOKED_MS);
    },
    tls: () => Promise.resolve(server.associations(impi).map(viewOf).at(-1)?.tls),
    async close() {
      await server.drain();
      await naf.close();
    },
  };
}

/** Nothing is opened: each order is a connection of its own. */
export function runningTarget(ue: UeName, state: string | undefined, io: CommandIo): BenchTarget {
  const folder = nafFolder(state, io.env);
  const name = 'imsi' in ue ? ue.imsi : ue.impi;
  return {
    push: ({ payload, ttlSeconds: ttl, ...order }, signal) => {
      const payloadBase64 = Buffer.from(payload).toString('base64');
      return askForBurst(folder, { ue: name, payloadBase64, ttl, ...order }, signal);
    },
    async park() {
      await askControl(folder, { op: 'park', which: name });
    },
    async revoke() {
      const revoked = await askControl(folder, { op: 'revoke', which: name });
      if (revoked.length > 0) await sleep(systemClock, REVOKED_MS);
    },
    async tls() {
      return (await askControl(folder, { op: 'ls', which: name })).at(-1)?.tls;
    },
    close: () => Promise.resolve(),
  };
}

/** Whoever means a running NAF has given it its options already. */
export function requireNoNafOptions(given: readonly string[]): void {
  const [first] = given;
  if (first === undefined) return;
  const rule = `--running drives a NAF that serves already: give ${first} to naf-push serve`;
  throw new CommandFailure(EXIT.usage, rule);
}

/** What cannot be ended is no longer waited for. @throws the signal's reason. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function withoutAbsent({
  via,
  ...receipt
}: Omit<ReceiptView, 'via'> & { via: ReceiptView['via'] }) {
  return { ...receipt, ...(via !== undefined && { via }) };
}

/** A revoked association's layer ends within 100 ms, whatever the UE says. */
const REVOKED_MS = 150;
/** The search for a UE is to end first: it can say what was in the way. */
const LATER_S = 60;
