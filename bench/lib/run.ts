/** What every benchmark shares: fixed inputs, figures with their spread, and where they were taken. */
import { cpus } from 'node:os';
import { impiFromImsi, parseFqdn, parseImsi, type SaRecord } from '../../src/index.ts';
import { bTidOf, pTidOf } from '../../src/ids.ts';

export const NAF = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
const BSF = parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org');

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
