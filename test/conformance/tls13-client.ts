/** A TLS 1.3 client with a pre-shared key whose every message a test may change (RFC 8446 4). */
import { connect } from 'node:net';
import type { ExecutionContext } from 'ava';
import {
  binder,
  decodeExtensions,
  encodeExtensions,
  EXTENSION,
  hashInPlaceOf,
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

export interface ClientOptions {
  readonly port: number;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly sessionId?: Buffer;
  readonly suites?: readonly number[];
  /** The extensions before pre_shared_key, as they would be; what it returns is sent. */
  readonly extensions?: (usual: Extension[]) => readonly Extension[];
  /** The same of a second hello; its key_share is there. */
  readonly again?: (usual: Extension[]) => readonly Extension[];
  /** Whether the first hello has a key_share with a share in it. */
  readonly hasShare?: boolean;
  readonly age?: number;
  /** Comes after pre_shared_key, where nothing may. */
  readonly behind?: readonly Extension[];
  /** How the first hello goes out; in one record unless given. */
  readonly send?: (wire: Tls13Wire, hello: Buffer) => void;
  /** Before Finished; the usual ChangeCipherSpec unless given. */
  readonly beforeFinished?: (wire: Tls13Wire) => void;
  /** How Finished goes out; in one record unless given. */
  readonly sendFinished?: (wire: Tls13Wire, mac: Buffer) => void;
}

/** Undefined when the server did not come as far as its own Finished: `wire.hear` says what it did. */
export interface Handshake {
  readonly wire: Tls13Wire;
  readonly isDone: boolean;
  readonly wasRetried: boolean;
}

export async function handshake(t: ExecutionContext, options: ClientOptions): Promise<Handshake> {
  const socket = connect(options.port, '127.0.0.1').setNoDelay(true);
  t.teardown(() => socket.destroy());
  const wire = new Tls13Wire(socket, true);
  const { hasShare = true, extensions = same, again = extensions } = options;
  const usual = usualExtensions(hasShare ? wire.point : undefined);
  const first = makeHello(options, extensions(usual), []);
  wire.transcript.push(first);
  (options.send ?? inOneRecord)(wire, first);
  let answer = await wire.hearMessage(MESSAGE.serverHello);
  const wasRetried = answer?.subarray(2, 34).equals(RETRY) === true;
  if (wasRetried) {
    const retry = wire.transcript.pop() ?? Buffer.alloc(0);
    wire.transcript.splice(0, 1, hashInPlaceOf(first), retry);
    wire.raw(inClear(TYPE.changeCipherSpec, Buffer.of(1)));
    const second = makeHello(options, again(usualExtensions(wire.point)), wire.transcript);
    wire.transcript.push(second);
    inOneRecord(wire, second);
    answer = await wire.hearMessage(MESSAGE.serverHello);
  }
  if (answer === undefined) return { wire, isDone: false, wasRetried };
  const shown = decodeExtensions(answer.subarray(34 + 1 + answer.readUInt8(34) + 3));
  const share = shown.find(([type]) => type === EXTENSION.keyShare)?.[1];
  const isKeyed = shown.some(([type]) => type === EXTENSION.preSharedKey);
  if (share === undefined) return { wire, isDone: false, wasRetried };
  wire.startHandshake(isKeyed ? options.key : undefined, share.subarray(4));
  if ((await wire.hearMessage(MESSAGE.finished)) === undefined) {
    return { wire, isDone: false, wasRetried };
  }
  const secrets = wire.applicationSecrets();
  secrets.use('in');
  (options.beforeFinished ?? changeCipherSpec)(wire);
  const mac = wire.finished();
  if (options.sendFinished) options.sendFinished(wire, mac);
  else wire.say(TYPE.handshake, message(MESSAGE.finished, mac));
  secrets.use('out');
  return { wire, isDone: true, wasRetried };
}

export function changeCipherSpec(wire: Tls13Wire): void {
  wire.raw(inClear(TYPE.changeCipherSpec, Buffer.of(1)));
}

function usualExtensions(point: Buffer | undefined): Extension[] {
  const share = point ? Buffer.concat([uint(2, X25519), vector(2, point)]) : Buffer.alloc(0);
  return [
    [EXTENSION.serverName, vector(2, Buffer.of(0), vector(2, Buffer.from('naf.example.org')))],
    [EXTENSION.versions, vector(1, uint(2, 0x0304))],
    [EXTENSION.groups, vector(2, uint(2, X25519))],
    [EXTENSION.alpn, vector(2, vector(1, Buffer.from('coap')))],
    [EXTENSION.pskModes, vector(1, Buffer.of(1))],
    [EXTENSION.keyShare, vector(2, share)],
  ];
}

function makeHello(
  options: ClientOptions,
  extensions: readonly Extension[],
  before: readonly Buffer[],
): Buffer {
  const { identity, key, suites = [0x1301], age = 0, behind = [] } = options;
  const { sessionId = Buffer.alloc(32, 8) } = options;
  const offered = Buffer.concat([vector(2, Buffer.from(identity)), uint(4, age)]);
  const list = vector(2, offered);
  const bindersOctets = 2 + 1 + 32;
  const last = encodeExtensions(behind);
  const head = Buffer.concat([
    encodeExtensions(extensions),
    uint(2, EXTENSION.preSharedKey),
    uint(2, list.length + bindersOctets),
    list,
  ]);
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    vector(1, sessionId),
    vector(2, ...suites.map((code) => uint(2, code))),
    vector(1, Buffer.of(0)),
    uint(2, head.length + bindersOctets + last.length),
    head,
  ]);
  const length = body.length + bindersOctets + last.length;
  const truncated = Buffer.concat([Buffer.of(MESSAGE.clientHello), uint(3, length), body]);
  const mac = binder(key, ...before, truncated);
  return Buffer.concat([truncated, vector(2, vector(1, mac)), last]);
}

function inOneRecord(wire: Tls13Wire, hello: Buffer): void {
  wire.raw(inClear(TYPE.handshake, hello, 0x0301));
}

function same(usual: readonly Extension[]): readonly Extension[] {
  return usual;
}

/** The random of a ServerHello that is a HelloRetryRequest (RFC 8446 4.1.3). */
export const RETRY = Buffer.from(
  'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c',
  'hex',
);
