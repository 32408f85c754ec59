/** The one place that sets TLS options: pre-shared keys only, no tickets (RFC 8446, RFC 4279, RFC 9257). */
import { constants, getDiffieHellman } from 'node:crypto';
import { createSecureContext, type ConnectionOptions, type TlsOptions } from 'node:tls';
import { ChannelError, ConfigError } from '../errors.ts';
import { PSK_NAMESPACE, type Fqdn } from '../ids.ts';
import { concat, uintBytes, view } from '../lib/bytes.ts';
import type { SuiteName, TlsBinding, TlsPolicy, TlsVersion } from '../lib/suites.ts';
import type { Resumption } from '../sa/sessions.ts';
import { refuseCertificate } from './tls-faults.ts';

/** The protocol name of CoAP over TLS (RFC 8323 8.2). */
export const ALPN_COAP = 'coap';

export interface ServerTls {
  readonly versions: readonly TlsVersion[];
  /** The one application protocol; default `coap`. */
  readonly alpn?: string;
  /** Default `off`: what a handshake leaves is of no use to another one. */
  readonly resumption?: Resumption;
  readonly pskCallback: NonNullable<TlsOptions['pskCallback']>;
}

/** Options of the NAF's listener. @throws ConfigError when this runtime has no group of the policy. */
export function serverTlsOptions(
  policy: TlsPolicy,
  { versions, alpn = ALPN_COAP, resumption = 'off', pskCallback }: ServerTls,
): TlsOptions {
  const suites = [
    ...(versions.includes('1.3') ? policy.suites13 : []),
    ...(versions.includes('1.2') ? policy.suites12 : []),
  ];
  return {
    ...commonOptions(policy, { versions, suites, alpn }),
    // A session of an association ends with it; this only has to be no earlier.
    ...(resumption === 'sa-bound' && { sessionTimeout: policy.keyLifetime.maxSeconds }),
    honorCipherOrder: true,
    dhparam: dhParameters(policy.minDhBits),
    requestCert: false,
    // TLS 1.3 has none, and each connection would be told.
    ...(versions.includes('1.2') && { pskIdentityHint: PSK_NAMESPACE }),
    pskCallback,
  };
}

export interface ClientTls {
  readonly binding: TlsBinding;
  /** Undefined for a peer that is known by its address alone. */
  readonly serverName: Fqdn | undefined;
  readonly identity: string;
  /** The one application protocol; default `coap`. */
  readonly alpn?: string;
  /** 32 octets. */
  readonly key: Uint8Array;
  /** What an earlier handshake under this key left, to be offered (TLS 1.2). */
  readonly session?: Uint8Array | undefined;
}

/**
 * Options of the UE's dial: exactly the binding's version, in TLS 1.2 exactly its suite, one identity.
 * @throws ChannelError ERR_CHANNEL_POLICY when the policy does not name the suite, ConfigError as above.
 */
export function clientTlsOptions(policy: TlsPolicy, client: ClientTls): ConnectionOptions {
  const { binding, serverName, identity, key, session, alpn = ALPN_COAP } = client;
  if (binding.version === '1.2' && !policy.suites12.includes(binding.suite)) {
    throw new ChannelError('ERR_CHANNEL_POLICY', `the TLS policy does not allow ${binding.suite}`);
  }
  const suites = binding.version === '1.3' ? policy.suites13 : [binding.suite];
  return {
    ...commonOptions(policy, { versions: [binding.version], suites, alpn }),
    ecdhCurve: withShares(usableGroups(policy.groups)),
    minDHSize: policy.minDhBits,
    ...(serverName !== undefined && { servername: serverName }),
    ...(binding.version === '1.2' && session && { session: view(session) }),
    rejectUnauthorized: true,
    checkServerIdentity: refuseCertificate,
    pskCallback: (hint) => (namesGba(hint) ? { identity, psk: key } : null),
  };
}

/** Nothing trusted, no tickets, nothing renegotiated; a session is of no use after a second. */
function commonOptions(
  policy: TlsPolicy,
  {
    versions,
    suites,
    alpn,
  }: {
    readonly versions: readonly TlsVersion[];
    readonly suites: readonly SuiteName[];
    readonly alpn: string;
  },
): ConnectionOptions & TlsOptions {
  return {
    minVersion: versions.includes('1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: versions.includes('1.3') ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: suites.join(':'),
    ecdhCurve: usableGroups(policy.groups).join(':'),
    ca: [],
    ALPNProtocols: [alpn],
    sessionTimeout: 1,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** TLS 1.3 has no hint; in TLS 1.2 it is a list that must name the namespace (TS 24.109 F.3). */
function namesGba(hint: string | null): boolean {
  return hint === null || hint.split(';').includes(PSK_NAMESPACE);
}

const groupSupport = new Map<string, boolean>();

function usableGroups(groups: readonly string[]): readonly string[] {
  const usable = groups.filter((group) => {
    const known = groupSupport.get(group) ?? isGroupSupported(group);
    groupSupport.set(group, known);
    return known;
  });
  if (usable.length > 0) return usable;
  throw new ConfigError(
    'ERR_CONFIG_FILE',
    `this Node.js has none of the policy's groups ${groups.join(', ')}: add X25519 or P-256 ` +
      '(X25519MLKEM768 takes Node.js 22 or later)',
  );
}

/**
 * OpenSSL sends a key share of the first group alone. Behind a hybrid one, that of X25519 costs 36 octets
 * more, and saves the round trip of a HelloRetryRequest with a peer that has no other (RFC 8446 4.1.4).
 */
function withShares(groups: readonly string[]): string {
  const isMarked = (group: string): boolean => group === HYBRID || group === 'X25519';
  if (groups[0] !== HYBRID) return groups.join(':');
  return groups.map((group) => (isMarked(group) ? `*${group}` : group)).join(':');
}

/** True when this runtime has that key exchange group. */
export function isGroupSupported(group: string): boolean {
  try {
    createSecureContext({ ca: [], ecdhCurve: group });
    return true;
  } catch {
    return false;
  }
}

/** An RFC 3526 group as DHParameter (PKCS #3), in the only form that Node takes. */
function dhParameters(bits: number): string {
  const group = getDiffieHellman(MODP_GROUPS[bits] ?? 'modp14');
  const integers = concat(derInteger(group.getPrime()), derInteger(group.getGenerator()));
  const text = view(der(0x30, integers)).toString('base64').replace(/.{64}/g, '$&\n');
  const [begin, end] = ['BEGIN', 'END'].map((edge) => `-----${edge} DH PARAMETERS-----`);
  return `${begin}\n${text}\n${end}\n`;
}

function derInteger(unsigned: Uint8Array): Uint8Array {
  return der(0x02, concat(Uint8Array.of(0), unsigned));
}

function der(tag: number, content: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(tag, 0x82), uintBytes(content.length, 2), content);
}

/** ML-KEM-768 beside X25519; a runtime that has it knows the asterisk too (OpenSSL 3.5). */
const HYBRID = 'X25519MLKEM768';

const MODP_GROUPS: Readonly<Record<number, string>> = {
  2048: 'modp14',
  3072: 'modp15',
  4096: 'modp16',
};
