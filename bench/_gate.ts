/** What the two processes of bench/gate.ts share. */
import type { TlsVersion } from '../src/async-psk/index.ts';

/** What the client process is told to do. */
export interface GateRun {
  readonly port: number;
  readonly version: TlsVersion;
  readonly count: number;
  readonly atOnce: number;
}

export const GATE_KEY = Buffer.alloc(32, 7);
export const GATE_IDENTITY = '3GPP-bootstrapping;bm8gZGV2aWNlIG5hbWVkIQ==@bsf.example.org';

export const TLS = {
  '1.3': {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
  },
  '1.2': {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
    ecdhCurve: 'X25519',
  },
} as const;
