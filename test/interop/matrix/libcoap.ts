/** libcoap's clients, CoAP clients that observe `/push`. They take the key as text on their command line. */
import { is13, versionIn, type Peer } from './peer.ts';

/** The shell makes the key of octal escapes, which it reads from stdin. */
const WITH_KEY = 'read -r key; exec "$@" -k "$(printf "$key")"';

function libcoap(library: 'OpenSSL' | 'GnuTLS', cannot: Peer['cannot']): Peer {
  const program = `coap-client-${library.toLowerCase()}`;
  return {
    name: `libcoap on ${library}`,
    from: 'libcoap3-bin',
    version: () => versionIn([program, '-h'], /coap-client-\S+ v(\S+)/),
    keyBy: 'an argument, it takes no other',
    speech: { client: 'coap' },
    choosy: false,
    keyIsText: true,
    client: ({ identity, key, port }) => ({
      command: [
        ...(['sh', '-c', WITH_KEY, 'sh', program, '-w', '-v', '6', '-s', '60'] as const),
        ...['-u', identity, `coaps+tcp://127.0.0.1:${port}/push`],
      ],
      input: `${octal(key)}\n`,
      tells: [],
    }),
    cannot: (cell) =>
      is13(cell)
        ? { why: 'libcoap 4.3.1 offers TLS 1.2 alone', offersNo: 'version' }
        : cannot(cell),
  };
}

function octal(key: string): string {
  return Array.from(
    Buffer.from(key, 'hex'),
    (octet) => `\\${octet.toString(8).padStart(3, '0')}`,
  ).join('');
}

export const libcoapOpenssl = libcoap('OpenSSL', () => undefined);
export const libcoapGnutls = libcoap('GnuTLS', ({ suite }) =>
  suite.startsWith('DHE-')
    ? { why: 'libcoap 4.3.1 on GnuTLS offers no DHE-PSK suite', offersNo: 'suite' }
    : undefined,
);
