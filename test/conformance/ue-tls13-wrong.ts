/** What no TLS 1.3 server may do to our UE during a handshake (RFC 8446 4). */
import { EMPTY, finishedOf, flipped, having, recordOf, X25519 } from './tls13-changes.ts';
import { RETRY } from './tls13-client.ts';
import { serverHello, type Asked, type ServerOptions } from './tls13-server.ts';
import {
  encodeExtensions,
  EXTENSION,
  inClear,
  MESSAGE,
  TYPE,
  uint,
  vector,
  type Extension,
  type Tls13Wire,
} from './tls13-wire.ts';

export type ServerChange = Omit<ServerOptions, 'key'>;
/** ERR_CHANNEL_ and this. */
export type Code = 'POLICY' | 'PROTOCOL' | 'REFUSED' | 'CLOSED';
/** The alert that the server gets, if it gets one; of OpenSSL before 3.5 and from there on, where they differ. */
export type Told = number | readonly [number, number] | 'nothing';

/** How the dial fails, and the alert for the server. */
export const wrongServers: Readonly<Record<string, readonly [Code, Told, ServerChange]>> = {
  'TLS 1.2': ['POLICY', 70, { extensions: without(EXTENSION.versions) }],
  'TLS 1.2 in supported_versions': ['PROTOCOL', 47, { extensions: having(versions(0x0303)) }],
  'a version that there is not': ['PROTOCOL', 47, { extensions: having(versions(0x0305)) }],
  'a suite with SHA-384': ['PROTOCOL', 47, { suite: 0x1302 }],
  'a suite of TLS 1.2': ['PROTOCOL', 47, { suite: 0xccac }],
  'a suite that there is not': ['PROTOCOL', 47, { suite: 0 }],
  'another session id': ['PROTOCOL', 47, { sessionId: Buffer.alloc(32, 1) }],
  compression: ['PROTOCOL', 47, { compression: 1 }],
  'a second identity': [
    'PROTOCOL',
    47,
    { extensions: having([EXTENSION.preSharedKey, uint(2, 1)]) },
  ],
  'no share': ['POLICY', [109, 47], { extensions: without(EXTENSION.keyShare) }],
  'a share of another group': [
    'PROTOCOL',
    47,
    { extensions: having(share(0x17, Buffer.alloc(65, 4))) },
  ],
  'a share of zeros': ['PROTOCOL', 47, { extensions: having(share(X25519, Buffer.alloc(32))) }],
  'a share of 31 octets': [
    'PROTOCOL',
    47,
    { extensions: having(share(X25519, Buffer.alloc(31, 9))) },
  ],
  'an extension twice': ['PROTOCOL', 47, { extensions: (usual) => [...usual, ...usual.slice(-1)] }],
  'early data that nobody asked for': [
    'PROTOCOL',
    110,
    { encrypted: (usual) => [...usual, [EXTENSION.earlyData, EMPTY]] },
  ],
  'a share in EncryptedExtensions': [
    'PROTOCOL',
    47,
    { encrypted: (usual) => [...usual, share(X25519, Buffer.alloc(32, 9))] },
  ],
  'another protocol': ['PROTOCOL', 50, { encrypted: () => [protocols('http/1.1')] }],
  'two protocols': ['PROTOCOL', 50, { encrypted: () => [protocols('coap', 'h2')] }],
  'no protocol': ['POLICY', 'nothing', { encrypted: () => [] }],
  'a Finished with one bit changed': ['REFUSED', 51, { sendFinished: finishedOf(flipped) }],
  'data before Finished': [
    'PROTOCOL',
    10,
    { beforeFinished: recordOf(TYPE.applicationData, 0, 0) },
  ],
  'a certificate beside the key': [
    'PROTOCOL',
    10,
    {
      beforeFinished: (wire) => {
        wire.sayMessage(MESSAGE.certificate, Buffer.alloc(4));
      },
    },
  ],
  'a question for a certificate': [
    'PROTOCOL',
    10,
    {
      beforeFinished: (wire) => {
        wire.sayMessage(MESSAGE.certificateRequest, certificateRequest());
      },
    },
  ],
  'the same share once more': [
    'PROTOCOL',
    47,
    { instead: retry([EXTENSION.keyShare, uint(2, X25519)]) },
  ],
  'a share of a group that was not offered': [
    'PROTOCOL',
    47,
    { instead: retry([EXTENSION.keyShare, uint(2, 0x18)]) },
  ],
  'the same hello once more': ['PROTOCOL', 47, { instead: retry() }],
  'another hello twice': [
    'PROTOCOL',
    10,
    {
      instead: (wire, asked) => {
        const ask = retry([EXTENSION.keyShare, uint(2, 0x17)]);
        ask(wire, asked);
        ask(wire, asked);
      },
    },
  ],
  'ChangeCipherSpec first': ['PROTOCOL', 10, { instead: clear(TYPE.changeCipherSpec, 1) }],
  'a message of 16 MiB': [
    'PROTOCOL',
    47,
    { instead: clear(TYPE.handshake, MESSAGE.serverHello, 0xff, 0xff, 0xff, 3, 3) },
  ],
  'a record of 65,535 octets': [
    'PROTOCOL',
    22,
    {
      instead: (wire) => {
        wire.raw(Buffer.of(TYPE.handshake, 3, 3, 0xff, 0xff), Buffer.alloc(65_535, 2));
      },
    },
  ],
  'HTTP in clear': [
    'PROTOCOL',
    'nothing',
    {
      instead: (wire) => {
        wire.raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      },
    },
  ],
  zeros: [
    'PROTOCOL',
    'nothing',
    {
      instead: (wire) => {
        wire.raw(Buffer.alloc(100));
      },
    },
  ],
  'its end': [
    'CLOSED',
    'nothing',
    {
      instead: (wire) => {
        wire.socket.end();
      },
    },
  ],
  'a reset': [
    'CLOSED',
    'nothing',
    {
      instead: (wire) => {
        wire.socket.resetAndDestroy();
      },
    },
  ],
  'a warning, and its end': [
    'CLOSED',
    'nothing',
    {
      instead: (wire, asked) => {
        clear(TYPE.alert, 1, 112)(wire, asked);
        wire.socket.end();
      },
    },
  ],
};

export function clear(
  type: number,
  ...octets: readonly number[]
): NonNullable<ServerChange['instead']> {
  return (wire) => {
    wire.raw(inClear(type, Buffer.from(octets)));
  };
}

function versions(code: number): Extension {
  return [EXTENSION.versions, uint(2, code)];
}

function without(wanted: number) {
  return (usual: readonly Extension[]): readonly Extension[] =>
    usual.filter(([type]) => type !== wanted);
}

function share(group: number, point: Buffer): Extension {
  return [EXTENSION.keyShare, Buffer.concat([uint(2, group), vector(2, point)])];
}

function protocols(...names: readonly string[]): Extension {
  return [EXTENSION.alpn, vector(2, ...names.map((name) => vector(1, Buffer.from(name))))];
}

/** A HelloRetryRequest. */
function retry(...given: readonly Extension[]) {
  return (wire: Tls13Wire, asked: Asked): void => {
    const extensions = [versions(0x0304), ...given];
    wire.sayMessage(MESSAGE.serverHello, serverHello(extensions, asked, { random: RETRY }));
  };
}

export function certificateRequest(): Buffer {
  const signatures: Extension = [EXTENSION.signatures, vector(2, uint(2, 0x0403))];
  return Buffer.concat([vector(1), vector(2, encodeExtensions([signatures]))]);
}
