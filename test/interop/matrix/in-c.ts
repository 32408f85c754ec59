/** Libraries behind a small C program each (test/interop/peers), which reads identity and key from stdin. */
import type { SuiteName } from '../../../src/lib/suites.ts';
import type { Cell, Group, Role } from './cells.ts';
import { compiled } from './compiled.ts';
import { codeOf, is13, lacksHybrid, versionIn, type Call, type Peer } from './peer.ts';
import { GNUTLS_GROUPS, GNUTLS_SUITES } from './gnutls-words.ts';

interface InC extends Pick<Peer, 'name' | 'from' | 'refusal' | 'cannot'> {
  /** Of the C source. */
  readonly source: string;
  readonly libraries: readonly string[];
  /** The library's words; without one for a group it is told `none`. */
  readonly suites: Readonly<Record<SuiteName, string>>;
  readonly groups: Partial<Record<Group, string>>;
  /** What the library calls the group that it has agreed on, if it tells. */
  readonly agreed?: Partial<Record<Group, string>>;
}

function inC({ source, libraries, suites, groups, agreed = {}, ...peer }: InC): Peer {
  const launch = (role: Role) => (call: Call) => {
    const { suite, group, identity, key, port } = call;
    const program = compiled(source, ...libraries) ?? source;
    const version = is13(call) ? '13' : '12';
    return {
      command: [
        ...([program, role, version, suites[suite], groups[group] ?? 'none'] as const),
        String(port),
      ] as const,
      input: `${identity}\n${key}\n`,
      tells: [`suite: ${codeOf(suite)}`, ...(agreed[group] ? [`group: ${agreed[group]}`] : [])].map(
        (line) => new RegExp(`^${line}$`, 'm'),
      ),
    };
  };
  return {
    ...peer,
    version: () => {
      const program = compiled(source, ...libraries);
      return program && versionIn([program, 'version'], /^(\S+)/);
    },
    keyBy: `stdin of \`test/interop/peers/${source}.c\``,
    speech: { client: 'octets', server: 'octets' },
    client: launch('client'),
    server: launch('server'),
  };
}

export const gnutls = inC({
  name: 'GnuTLS',
  from: 'libgnutls28-dev',
  source: 'gnutls',
  libraries: ['-lgnutls'],
  suites: GNUTLS_SUITES,
  groups: GNUTLS_GROUPS,
  agreed: { X25519: 'X25519', 'P-256': 'SECP256R1' },
  cannot: (cell) => lacksHybrid(cell, /^refused: \+GROUP-X25519-MLKEM768$/m),
});

export const wolfssl = inC({
  name: 'wolfSSL',
  from: 'libwolfssl-dev',
  source: 'wolfssl',
  libraries: ['-lwolfssl'],
  suites: {
    TLS_AES_128_GCM_SHA256: 'TLS13-AES128-GCM-SHA256',
    TLS_CHACHA20_POLY1305_SHA256: 'TLS13-CHACHA20-POLY1305-SHA256',
    'ECDHE-PSK-CHACHA20-POLY1305': 'ECDHE-PSK-CHACHA20-POLY1305',
    'DHE-PSK-AES128-GCM-SHA256': 'DHE-PSK-AES128-GCM-SHA256',
    'PSK-AES128-GCM-SHA256': 'PSK-AES128-GCM-SHA256',
    'PSK-AES128-CBC-SHA256': 'PSK-AES128-CBC-SHA256',
  },
  groups: { X25519: '29', 'P-256': '23', X25519MLKEM768: '4588' },
  // As a server of TLS 1.3 it hangs up without an alert.
  refusal: (terms) => (is13(terms) ? 'ERR_CHANNEL_CLOSED' : 'ERR_CHANNEL_REFUSED'),
  cannot: (cell) => wolfsslPlain(cell) ?? wolfsslX25519(cell) ?? lacksHybrid(cell, NO_GROUP),
});

function wolfsslPlain({ suite }: Cell) {
  if (!suite.startsWith('PSK-')) return undefined;
  const why = 'Debian builds wolfSSL without WOLFSSL_STATIC_PSK, and so without plain PSK suites';
  return { why, says: /^refused: it has no such suite$/m };
}

function wolfsslX25519({ suite, group, role }: Cell) {
  if (!suite.startsWith('ECDHE-') || group !== 'X25519' || role !== 'client') return undefined;
  const why =
    'a wolfSSL client takes an X25519 share in TLS 1.2 ECDHE-PSK for a bad key, also that of a wolfSSL server';
  return { why, says: /^refused: Bad ECC Peer Key$/m };
}

export const mbedtls = inC({
  name: 'Mbed TLS',
  from: 'libmbedtls-dev',
  source: 'mbedtls',
  libraries: ['-lmbedtls', '-lmbedx509', '-lmbedcrypto'],
  suites: {
    TLS_AES_128_GCM_SHA256: 'TLS1-3-AES-128-GCM-SHA256',
    TLS_CHACHA20_POLY1305_SHA256: 'TLS1-3-CHACHA20-POLY1305-SHA256',
    'ECDHE-PSK-CHACHA20-POLY1305': 'TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256',
    'DHE-PSK-AES128-GCM-SHA256': 'TLS-DHE-PSK-WITH-AES-128-GCM-SHA256',
    'PSK-AES128-GCM-SHA256': 'TLS-PSK-WITH-AES-128-GCM-SHA256',
    'PSK-AES128-CBC-SHA256': 'TLS-PSK-WITH-AES-128-CBC-SHA256',
  },
  groups: { X25519: 'x25519', 'P-256': 'secp256r1', X25519MLKEM768: 'x25519mlkem768' },
  cannot: (cell) =>
    is13(cell)
      ? { why: 'Mbed TLS 2.28 has no TLS 1.3', says: /^refused: this library has no TLS 1\.3$/m }
      : undefined,
});

export const nss = inC({
  name: 'NSS',
  from: 'libnss3-dev',
  source: 'nss',
  libraries: ['-I/usr/include/nss', '-I/usr/include/nspr', '-lssl3', '-lnss3', '-lnspr4'],
  suites: {
    TLS_AES_128_GCM_SHA256: '1301',
    TLS_CHACHA20_POLY1305_SHA256: '1303',
    'ECDHE-PSK-CHACHA20-POLY1305': 'ccac',
    'DHE-PSK-AES128-GCM-SHA256': '00aa',
    'PSK-AES128-GCM-SHA256': '00a8',
    'PSK-AES128-CBC-SHA256': '00ae',
  },
  groups: { X25519: '29', 'P-256': '23', X25519MLKEM768: '4588' },
  agreed: { X25519: '29', 'P-256': '23' },
  cannot: (cell) => {
    if (!is13(cell)) {
      const why = 'NSS has no suite with a pre-shared key in TLS 1.2';
      return { why, says: /^refused: suite: SEC_ERROR_INVALID_ARGS$/m };
    }
    const lacking = lacksHybrid(cell, /^refused: handshake: SSL_ERROR_NO_C(?:IPHERS|ERTIF)/m);
    if (lacking || cell.role === 'client') return lacking;
    const why = 'an NSS server begins no handshake without a certificate';
    return { why, says: /^refused: handshake: SSL_ERROR_NO_CERTIFICATE$/m };
  },
});

const NO_GROUP = /^refused: it has no such group$/m;
