/** The peers that are no rows of the matrix: what each proves, and the tests that show it. */
import { versionIn } from './peer.ts';

export interface Other {
  readonly name: string;
  /** The Debian package. */
  readonly from: string;
  readonly version: () => string | undefined;
  readonly proves: string;
  /** The test file, below `test`, and which of its tests; all of them unless given. */
  readonly file: string;
  readonly titles?: RegExp;
}

export const scapyVersion = (): string | undefined =>
  versionIn(
    ['/usr/bin/python3', '-c', 'import scapy.layers.tls, scapy; print(scapy.VERSION)'],
    /^(\d\S*)/m,
  );
const coapClient = (): string | undefined =>
  versionIn(['coap-client-openssl', '-h'], /coap-client-\S+ v(\S+)/);
const tshark = (): string | undefined =>
  versionIn(['tshark', '--version'], /TShark \(Wireshark\) (\d[\d.]*\d)/);

export const others: readonly Other[] = [
  {
    name: 'osmo-auc-gen',
    from: 'libosmocore-utils',
    // It does not know its own.
    version: () =>
      versionIn(['dpkg-query', '-W', '-f', '${Version}', 'libosmocore-utils'], /^(\S+)/),
    proves:
      'its vectors open in our SIM, ours in it, and the ladder holds with it at both ends; it goes on from the SQN in our AUTS',
    file: 'interop/osmo.test.ts',
  },
  {
    name: 'SIPp',
    from: 'sip-tester',
    version: () => versionIn(['sipp', '-v'], /SIPp v(\d[\d.]*\d)/),
    proves: 'Digest AKA: Milenage, RES as password and the digest over a body, 20 challenges',
    file: 'interop/digest-aka.test.ts',
  },
  {
    name: 'curl',
    from: 'curl',
    version: () => versionIn(['curl', '--version'], /^curl (\S+)/),
    proves: 'Nbsp_GBA over HTTP/2 on loopback and on a socket file: answers, 400, 401, 404',
    file: 'interop/bsf.test.ts',
    titles: /^curl /,
  },
  {
    name: 'nghttp',
    from: 'nghttp2-client',
    version: () => versionIn(['nghttp', '--version'], /nghttp2\/(\S+)/),
    proves: 'Nbsp_GBA over HTTP/2: a GPI, and 401',
    file: 'interop/bsf.test.ts',
    titles: /^nghttp /,
  },
  {
    name: 'h2load',
    from: 'nghttp2-client',
    version: () => versionIn(['h2load', '--version'], /nghttp2\/(\S+)/),
    proves: 'thousands of Nbsp_GBA and Ub requests are answered and leave nothing behind',
    file: 'interop/bsf.test.ts',
    titles: /h2load/,
  },
  {
    name: 'libcoap, Observe',
    from: 'libcoap3-bin',
    version: coapClient,
    proves:
      'every push as a notification, in order, 3,000 octets too, `taken` by Ping with Custody',
    file: 'interop/libcoap.test.ts',
    titles: /takes every push|forgets to observe/,
  },
  {
    name: 'libcoap, Block',
    from: 'libcoap3-bin',
    version: coapClient,
    proves: 'pushes of up to 20,000 octets, read in blocks of 64 by Block2, and in order',
    file: 'interop/libcoap.test.ts',
    titles: /reads what is longer/,
  },
  {
    name: 'libcoap, a UE in C',
    from: 'libcoap3-dev',
    version: coapClient,
    proves:
      'it takes PUTs, and puts 200,001 octets together by Block1: by BERT, and in blocks of 1,024 where its messages are short',
    file: 'interop/libcoap.test.ts',
    titles: /puts together/,
  },
  {
    name: 'tshark',
    from: 'tshark',
    version: tshark,
    proves:
      'with the key log it shows the CoAP of a layer; the pre-shared key alone opens a recording of plain PSK and none with a Diffie-Hellman exchange',
    file: 'interop/wireshark.test.ts',
  },
  {
    name: 'tshark, dissector',
    from: 'tshark',
    version: tshark,
    proves: 'our dissector reads triggers, wakes and AUTS, and takes no harm from hostile ones',
    file: 'interop/dissector.test.ts',
  },
  {
    name: 'nmap',
    from: 'nmap',
    version: () => versionIn(['nmap', '--version'], /^Nmap version (\S+)/),
    proves:
      'ssl-enum-ciphers lists exactly the TLS 1.2 suites of the policy, X25519 and 2048 bits; of TLS 1.3 with pre-shared keys it finds nothing, so hellos of our own ask that (`test/net/tls-offers.test.ts`)',
    file: 'interop/nmap.test.ts',
  },
  {
    name: 'Scapy',
    from: 'python3-scapy',
    version: scapyVersion,
    proves:
      'a TLS 1.3 of its own, in Python, opens layers at the NAF with the right key alone; what it cannot be told to say is in `test/conformance`',
    file: 'interop/scapy.test.ts',
  },
];
