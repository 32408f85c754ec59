/** What the processes of bench/gate.ts share. */
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsVersion } from '../../src/async-psk/index.ts';
import { NAF, recordOf } from '../lib/run.ts';

/** What is in front of TLS, and behind it. */
export type GateSystem =
  'plain' | 'peek' | 'peek, remote' | 'direct' | 'remote' | 'naf' | 'naf, remote';

/** What a server is told to be. */
export interface GateServerOrder {
  readonly system: GateSystem;
  readonly version: TlsVersion;
  readonly lookupMs: number;
}

/** What a server has used and done so far. */
export interface GateUse {
  readonly cpuUs: number;
  /** Handshakes whose key has proved both ends. */
  readonly proved: number;
}

/** What the client process is told to do. */
export interface GateRun {
  readonly port: number;
  readonly version: TlsVersion;
  /** The number of the first identity: each handshake names one of its own. */
  readonly first: number;
  readonly count: number;
}

/** Handshakes on their way. */
export const AT_ONCE = 16;

export const GATE_KEY = Buffer.alloc(32, 7);

export function gateIdentity(n: number): string {
  return pskIdentityOf(recordOf(n, 0).bTid);
}

const COMMON = { ALPNProtocols: ['coap'], ecdhCurve: 'X25519' };

export const TLS = {
  '1.3': {
    ...COMMON,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
  },
  '1.2': {
    ...COMMON,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  },
} as const;

export const GATE_SERVER_NAME: string = NAF;
