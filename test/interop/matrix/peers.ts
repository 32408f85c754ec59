/** All peers, in the order of the page. */
import { bouncyCastle } from './bouncy-castle.ts';
import { gnutlsTools } from './gnutls-tools.ts';
import { botan, gnutls, mbedtls, nss, wolfssl } from './in-c.ts';
import { libcoapGnutls, libcoapOpenssl } from './libcoap.ts';
import { openssl } from './openssl.ts';
import type { Peer } from './peer.ts';
import { stunnel } from './stunnel.ts';

export const peers: readonly Peer[] = [
  openssl,
  stunnel,
  gnutls,
  gnutlsTools,
  wolfssl,
  mbedtls,
  nss,
  botan,
  bouncyCastle,
  libcoapOpenssl,
  libcoapGnutls,
];
