/** The TLS cipher suites that a policy may name, and what a security association is bound to. */

export type TlsVersion = '1.2' | '1.3';

/** OpenSSL's names for TLS 1.2, IANA's for 1.3; the codes are the IANA registry's. */
export const SUITES = {
  TLS_AES_128_GCM_SHA256: { version: '1.3', code: 0x1301 },
  TLS_CHACHA20_POLY1305_SHA256: { version: '1.3', code: 0x1303 },
  'ECDHE-PSK-CHACHA20-POLY1305': { version: '1.2', code: 0xccac },
  'DHE-PSK-AES128-GCM-SHA256': { version: '1.2', code: 0x00aa },
  'PSK-AES128-GCM-SHA256': { version: '1.2', code: 0x00a8 },
  'PSK-AES128-CBC-SHA256': { version: '1.2', code: 0x00ae },
} as const satisfies Record<string, { version: TlsVersion; code: number }>;

/** A suite as OpenSSL names it. */
export type SuiteName = keyof typeof SUITES;
/** A suite of TLS 1.2. */
export type Tls12Suite = {
  [K in SuiteName]: (typeof SUITES)[K]['version'] extends '1.2' ? K : never;
}[SuiteName];
/** A suite of TLS 1.3. */
export type Tls13Suite = Exclude<SuiteName, Tls12Suite>;

/** What a NAF key may be used with: TLS 1.3 with any suite of the policy, or TLS 1.2 with one suite. */
export type TlsBinding =
  { readonly version: '1.3' } | { readonly version: '1.2'; readonly suite: Tls12Suite };

export function isSuiteName(name: string): name is SuiteName {
  return Object.hasOwn(SUITES, name);
}

export function isTls12Suite(name: string): name is Tls12Suite {
  return isSuiteName(name) && SUITES[name].version === '1.2';
}

/** The one TLS policy of a process, as `certs-none/policy.json` states it. */
export interface TlsPolicy {
  /** TLS 1.3 suites, most wanted first. */
  readonly suites13: readonly Tls13Suite[];
  /** TLS 1.2 suites that an association may be bound to, most wanted first. */
  readonly suites12: readonly Tls12Suite[];
  /** Key exchange groups as OpenSSL names them, most wanted first. */
  readonly groups: readonly string[];
  /** The smallest finite-field group for DHE-PSK, bits. */
  readonly minDhBits: number;
  /** How long one handshake may take, ms. */
  readonly handshakeTimeoutMs: number;
  /** How long a key lives when nobody asks, and at the most, seconds. */
  readonly keyLifetime: { readonly defaultSeconds: number; readonly maxSeconds: number };
  /** When true a client that sends no server_name is refused. */
  readonly requireServerName: boolean;
}
