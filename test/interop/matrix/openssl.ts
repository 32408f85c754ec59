/** OpenSSL's own tools, `s_client` and `s_server`. They take a key as an argument and in no other way. */
import type { Group, Terms } from './cells.ts';
import { is13, isCurve, lacksHybrid, versionIn, type Peer } from './peer.ts';

export const openssl: Peer = {
  name: 'OpenSSL',
  from: 'openssl',
  version: () => versionIn(['openssl', 'version'], /^OpenSSL (\S+)/),
  keyBy: 'an argument, it takes no other',
  speech: { client: 'octets', server: 'octets' },
  client: ({ suite, group, identity, key, port }) => ({
    command: [
      ...(['openssl', 's_client', '-brief', '-ign_eof', '-alpn', 'coap'] as const),
      ...['-connect', `127.0.0.1:${port}`, '-psk_identity', identity, '-psk', key],
      ...limits({ suite, group }),
    ],
    tells: [new RegExp(`^Ciphersuite: ${suite}$`, 'm'), TEMP_KEYS[group]],
  }),
  server: ({ suite, group, identity, key, port }) => ({
    command: [
      ...(['openssl', 's_server', '-nocert', '-naccept', '1', '-alpn', 'coap'] as const),
      ...['-accept', `127.0.0.1:${port}`, '-psk_identity', identity, '-psk', key],
      ...['-psk_hint', '3GPP-bootstrapping', ...limits({ suite, group })],
    ],
    listening: /^ACCEPT \S+:(\d+)$/m,
    preamble: /^Secure Renegotiation IS (?:NOT )?supported\n/m,
    tells: [new RegExp(`^CIPHER is ${suite}$`, 'm')],
  }),
  cannot: (cell) => lacksHybrid(cell, /SSL_CONF_cmd|cmd_Groups|Error with command: "-groups/),
};

function limits(terms: Terms): string[] {
  const { suite, group } = terms;
  return [
    ...(is13(terms) ? ['-tls1_3', '-ciphersuites', suite] : ['-tls1_2', '-cipher', suite]),
    ...(isCurve(group) ? ['-groups', group] : []),
  ];
}

const TEMP_KEYS: Readonly<Record<Group, RegExp>> = {
  X25519: /^Server Temp Key: X25519,/m,
  'P-256': /^Server Temp Key: ECDH, prime256v1,/m,
  X25519MLKEM768: /^Server Temp Key: X25519MLKEM768/m,
  '2048 bits': /^Server Temp Key: DH, 2048 bits$/m,
  none: /^(?!.*Server Temp Key)/s,
};
