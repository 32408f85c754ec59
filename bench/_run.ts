/** What every benchmark shares: fixed inputs, a UE process, figures with their spread, and where they were taken. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  createBsf,
  createHss,
  createTriggerSender,
  impiFromImsi,
  listenPushServer,
  loadTlsPolicy,
  openMemoryStore,
  parseFqdn,
  parseImsi,
  readSubscribers,
  systemClock,
  type Impi,
  type PushServer,
  type SaRecord,
  type TriggerAddress,
} from '../src/index.ts';
import { bTidOf, pTidOf } from '../src/ids.ts';
import { packageFile } from '../src/store/policy.ts';

export const NAF = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
const BSF = parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org');

export interface Bench {
  readonly impi: Impi;
  /** A NAF in this process; each is a NAF of its own, all share one HSS. */
  listen(): Promise<PushServer>;
  /** Ends the UE. */
  close(): Promise<void>;
}

/** A UE in a process of its own and NAFs in this one, all by the public API, over loopback. */
export async function openBench(): Promise<Bench> {
  const ue = fork(fileURLToPath(new URL('_ue.ts', import.meta.url)));
  const [{ trigger }] = (await once(ue, 'message')) as [{ trigger: TriggerAddress }];
  const policy = loadTlsPolicy();
  const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
  const [subscriber] = subscribers;
  if (subscriber === undefined) throw new Error('no demo subscriber');
  const hss = createHss({ subscribers, store: openMemoryStore() });
  return {
    impi: subscriber.impi,
    listen: () =>
      listenPushServer({
        bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
        triggers: createTriggerSender({ clock: systemClock }),
        policy,
        nafFqdn: NAF,
        listen: { host: '127.0.0.1', port: 0 },
        triggerAddress: () => trigger,
      }),
    async close() {
      ue.disconnect();
      await once(ue, 'exit');
    },
  };
}

/** The n-th of any number of associations, each of a UE of its own. `expiresAt` is epoch ms. */
export function recordOf(n: number, expiresAt: number): SaRecord {
  const octets = (length: number, salt: number): Uint8Array => {
    const made = Buffer.alloc(length, salt);
    made.writeUInt32BE(n);
    return made;
  };
  return {
    bTid: bTidOf(octets(16, 1), BSF),
    pTid: pTidOf(octets(12, 2)),
    impi: impiFromImsi(parseImsi(`00101${String(n).padStart(10, '0')}`)),
    nafFqdn: NAF,
    binding: { version: '1.3' },
    expiresAt,
    lifetimeMs: 3_600_000,
    proved: false,
    key: Uint8Array.from(octets(32, 3)),
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
