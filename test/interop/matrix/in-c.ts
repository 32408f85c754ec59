/** Libraries behind a small program in C or C++ each (test/interop/peers), which reads identity and key from stdin. */
import type { Cell } from './cells.ts';
import { compiledC } from './compiled.ts';
import { GNUTLS_GROUPS, GNUTLS_SUITES } from './gnutls-words.ts';
import { is13, lacksHybrid, type Peer } from './peer.ts';
import { GROUP_CODES, piped, SUITE_CODES, type Piped } from './piped.ts';

interface InC extends Omit<Piped, 'program'> {
  readonly libraries: readonly string[];
}

function inC({ libraries, ...peer }: InC): Peer {
  return piped({ ...peer, program: () => compiledC(peer.source, ...libraries) });
}

export const gnutls = inC({
  name: 'GnuTLS',
  from: 'libgnutls28-dev',
  source: 'gnutls.c',
  libraries: ['-lgnutls'],
  suites: GNUTLS_SUITES,
  groups: GNUTLS_GROUPS,
  agreed: { X25519: 'X25519', 'P-256': 'SECP256R1' },
  cannot: (cell) => lacksHybrid(cell, /^refused: \+GROUP-X25519-MLKEM768$/m),
});

export const wolfssl = inC({
  name: 'wolfSSL',
  from: 'libwolfssl-dev',
  source: 'wolfssl.c',
  libraries: ['-lwolfssl'],
  suites: {
    TLS_AES_128_GCM_SHA256: 'TLS13-AES128-GCM-SHA256',
    TLS_CHACHA20_POLY1305_SHA256: 'TLS13-CHACHA20-POLY1305-SHA256',
    'ECDHE-PSK-CHACHA20-POLY1305': 'ECDHE-PSK-CHACHA20-POLY1305',
    'DHE-PSK-AES128-GCM-SHA256': 'DHE-PSK-AES128-GCM-SHA256',
    'PSK-AES128-GCM-SHA256': 'PSK-AES128-GCM-SHA256',
    'PSK-AES128-CBC-SHA256': 'PSK-AES128-CBC-SHA256',
  },
  groups: GROUP_CODES,
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
  source: 'mbedtls.c',
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
  source: 'nss.c',
  libraries: ['-I/usr/include/nss', '-I/usr/include/nspr', '-lssl3', '-lnss3', '-lnspr4'],
  suites: SUITE_CODES,
  groups: GROUP_CODES,
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

export const botan = inC({
  name: 'Botan',
  from: 'libbotan-2-dev',
  source: 'botan.cpp',
  libraries: ['-I/usr/include/botan-2', '-lbotan-2', '-lstdc++'],
  suites: SUITE_CODES,
  groups: { ...GROUP_CODES, '2048 bits': '256' },
  cannot: (cell) =>
    is13(cell)
      ? { why: 'Botan 2 has no TLS 1.3', says: /^refused: this library does not know TLS 1\.3$/m }
      : undefined,
});

const NO_GROUP = /^refused: it has no such group$/m;
