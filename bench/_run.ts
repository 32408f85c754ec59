/** What every benchmark shares: fixed inputs, a UE process, figures with their spread, and where they were taken. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  createBsf,
  createHss,
  createUdpTriggerSender,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  parseFqdn,
  readSubscribers,
  systemClock,
  type Impi,
  type PushServer,
  type TlsBinding,
} from '../src/index.ts';
import { packageFile } from '../src/store/policy.ts';

export const NAF = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');

export interface Bench {
  readonly naf: PushServer;
  readonly impi: Impi;
  readonly ue: ChildProcess;
  close(): Promise<void>;
}

/** A NAF in this process and a UE in one of its own, both by the public API, over loopback. */
export async function openBench(binding: TlsBinding = { version: '1.3' }): Promise<Bench> {
  const ue = fork(fileURLToPath(new URL('_ue.ts', import.meta.url)));
  const [{ trigger }] = (await once(ue, 'message')) as [
    { trigger: { host: string; port: number } },
  ];
  const policy = loadTlsPolicy();
  const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
  const [subscriber] = subscribers;
  if (subscriber === undefined) throw new Error('no demo subscriber');
  const hss = createHss({ subscribers, store: openMemoryStore() });
  const naf = await listenPushServer({
    bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
    triggers: createUdpTriggerSender({ clock: systemClock }),
    policy,
    binding,
    nafFqdn: NAF,
    listen: { host: '127.0.0.1', port: 0 },
    triggerAddress: () => ({ transport: 'udp', ...trigger }),
  });
  return {
    naf,
    impi: subscriber.impi,
    ue,
    async close() {
      await naf.drain();
      ue.disconnect();
      await once(ue, 'exit');
    },
  };
}

/** Minimum, median and maximum. */
export function spread(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    min: sorted[0] ?? NaN,
    median: quantile(sorted, 0.5),
    max: sorted.at(-1) ?? NaN,
  };
}

/** Of values in ascending order. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

/** User and system microseconds of this process since `before`. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** One line that says where the figures are from. */
export function machine(): string {
  const [cpu] = cpus();
  return `Node ${process.version} (OpenSSL ${process.versions.openssl}), ${cpus().length} x ${cpu?.model ?? 'unknown CPU'}`;
}

export function number(value: number, digits = 2): string {
  return value.toFixed(digits);
}
