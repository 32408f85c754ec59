/** A TLS 1.3 server with a pre-shared key whose every message a test may change (RFC 8446 4). */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import {
  decodeExtensions,
  encodeExtensions,
  EXTENSION,
  inClear,
  message,
  MESSAGE,
  Tls13Wire,
  TYPE,
  uint,
  vector,
  X25519,
  type Extension,
} from './tls13-wire.ts';

/** What came in a ClientHello. */
export interface Asked {
  readonly sessionId: Buffer;
  readonly extensions: readonly Extension[];
  /** Of X25519. */
  readonly point: Buffer;
}

export interface ServerOptions {
  readonly key: Uint8Array;
  /** In place of the answer to the hello: what it does instead of a handshake. */
  readonly instead?: (wire: Tls13Wire, asked: Asked) => void;
  readonly version?: number;
  readonly sessionId?: Buffer;
  readonly suite?: number;
  readonly compression?: number;
  /** Of the ServerHello. */
  readonly extensions?: (usual: Extension[]) => readonly Extension[];
  /** Of EncryptedExtensions. */
  readonly encrypted?: (usual: Extension[]) => readonly Extension[];
  /** Between EncryptedExtensions and Finished. */
  readonly beforeFinished?: (wire: Tls13Wire) => void;
  readonly sendFinished?: (wire: Tls13Wire, mac: Buffer) => void;
  /** When both ends have finished. */
  readonly then?: (wire: Tls13Wire) => void;
}

export interface Server {
  readonly port: number;
  /** Resolves when the client has finished, or does not; serves one connection. */
  readonly served: Promise<Tls13Wire>;
}

export async function serve(t: ExecutionContext, options: ServerOptions): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const served = (once(server, 'connection') as Promise<[Socket]>).then(async ([socket]) => {
    t.teardown(() => socket.destroy());
    const wire = new Tls13Wire(socket.setNoDelay(true), false);
    await answer(wire, options);
    return wire;
  });
  return { port: (server.address() as AddressInfo).port, served };
}

async function answer(wire: Tls13Wire, options: ServerOptions): Promise<void> {
  const hello = await wire.hearMessage(MESSAGE.clientHello);
  if (hello === undefined) return;
  const asked = readHello(hello);
  if (options.instead) {
    options.instead(wire, asked);
    return;
  }
  const { extensions = same, encrypted = same, beforeFinished, key } = options;
  const usual: Extension[] = [
    [EXTENSION.versions, uint(2, 0x0304)],
    [EXTENSION.keyShare, Buffer.concat([uint(2, X25519), vector(2, wire.point)])],
    [EXTENSION.preSharedKey, uint(2, 0)],
  ];
  wire.sayMessage(MESSAGE.serverHello, serverHello(extensions(usual), asked, options));
  wire.raw(inClear(TYPE.changeCipherSpec, Buffer.of(1)));
  wire.startHandshake(key, asked.point);
  const alpn: Extension = [EXTENSION.alpn, vector(2, vector(1, Buffer.from('coap')))];
  const shown = encodeExtensions(encrypted([alpn]));
  wire.sayMessage(MESSAGE.encryptedExtensions, vector(2, shown));
  beforeFinished?.(wire);
  const mac = wire.finished();
  const finished = message(MESSAGE.finished, mac);
  if (options.sendFinished) options.sendFinished(wire, mac);
  else wire.say(TYPE.handshake, finished);
  wire.transcript.push(finished);
  const secrets = wire.applicationSecrets();
  if ((await wire.hearMessage(MESSAGE.finished)) === undefined) return;
  secrets.use('in');
  secrets.use('out');
  options.then?.(wire);
}

export interface HelloChoice {
  readonly version?: number;
  readonly sessionId?: Buffer;
  readonly suite?: number;
  readonly compression?: number;
  /** RETRY makes it a HelloRetryRequest. */
  readonly random?: Buffer;
}

export function serverHello(
  extensions: readonly Extension[],
  asked: Pick<Asked, 'sessionId'>,
  choice: HelloChoice = {},
): Buffer {
  const { version = 0x0303, sessionId = asked.sessionId, suite = 0x1301, compression = 0 } = choice;
  const { random = Buffer.alloc(32, 5) } = choice;
  return Buffer.concat([
    uint(2, version),
    random,
    vector(1, sessionId),
    uint(2, suite),
    Buffer.of(compression),
    vector(2, encodeExtensions(extensions)),
  ]);
}

function readHello(hello: Buffer): Asked {
  const sessionEnd = 35 + hello.readUInt8(34);
  const suitesEnd = sessionEnd + 2 + hello.readUInt16BE(sessionEnd);
  const extensions = decodeExtensions(hello.subarray(suitesEnd + 1 + hello.readUInt8(suitesEnd)));
  const shares = extensions.find(([type]) => type === EXTENSION.keyShare)?.[1];
  const at = shares?.indexOf('001d0020', 0, 'hex') ?? -1;
  return {
    sessionId: hello.subarray(35, sessionEnd),
    extensions,
    point: shares?.subarray(at + 4, at + 36) ?? Buffer.alloc(32),
  };
}

function same(usual: readonly Extension[]): readonly Extension[] {
  return usual;
}
