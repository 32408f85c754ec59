/** A TLS 1.2 client of PSK-AES128-GCM-SHA256 whose every message a test may change (RFC 5246, RFC 4279, RFC 7627). */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { recordsFrom } from '../attacks/raw-client.ts';
import type { TlsRecord } from '../support/tls-records.ts';
import {
  encodeExtensions,
  inClear,
  message,
  TYPE,
  uint,
  vector,
  type Extension,
  type Heard,
} from './tls13-wire.ts';

export const HANDSHAKE = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  certificate: 11,
  serverHelloDone: 14,
  clientKeyExchange: 16,
  finished: 20,
} as const;
/** TLS_PSK_WITH_AES_128_GCM_SHA256 (RFC 5487). */
const SUITE = 0x00a8;
const NOTHING = Buffer.alloc(0);

export interface ClientOptions {
  readonly port: number;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly suites?: readonly number[];
  readonly compression?: readonly number[];
  readonly extensions?: (usual: Extension[]) => readonly Extension[];
  /** How the hello goes out; in one record unless given. */
  readonly send?: (wire: Tls12Wire, hello: Buffer) => void;
  /** How ClientKeyExchange, ChangeCipherSpec and Finished go out; in three records at once unless given. */
  readonly sendFlight?: (wire: Tls12Wire, keyExchange: Buffer, finished: Flight) => void;
}

/** The end of the flight: made when it is asked for. */
export interface Flight {
  readonly changeCipherSpec: Buffer;
  /** The record of Finished, protected. */
  readonly finished: (change?: (mac: Buffer) => Buffer) => Buffer;
}

/** Undefined `isDone`: the server did not come as far as its Finished. */
export interface Handshake {
  readonly wire: Tls12Wire;
  readonly isDone: boolean;
}

/** One connection: in clear text until there are keys. */
export class Tls12Wire {
  readonly socket: Socket;
  readonly transcript: Buffer[] = [];
  readonly #records: AsyncGenerator<TlsRecord, undefined>;
  #pending = NOTHING;
  #missed: TlsRecord | undefined;
  #keys: Keys | undefined;
  #isInboundProtected = false;
  #sent = 0;
  #heard = 0;

  constructor(socket: Socket) {
    this.socket = socket.on('error', () => undefined);
    this.#records = recordsFrom(socket);
  }

  raw(...octets: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(octets));
  }

  useKeys(keys: Keys): void {
    this.#keys = keys;
  }

  /** A protected record (RFC 5288 3). */
  record(type: number, body: Uint8Array): Buffer {
    if (this.#keys === undefined) return inClear(type, body);
    const { clientKey, clientIv } = this.#keys;
    const sequence = uint(6, this.#sent++);
    const explicit = Buffer.concat([Buffer.alloc(2), sequence]);
    const cipher = createCipheriv('aes-128-gcm', clientKey, Buffer.concat([clientIv, explicit]));
    cipher.setAAD(Buffer.concat([explicit, Buffer.of(type, 3, 3), uint(2, body.length)]));
    const sealed = Buffer.concat([cipher.update(body), cipher.final(), cipher.getAuthTag()]);
    return inClear(type, Buffer.concat([explicit, sealed]));
  }

  say(type: number, body: Uint8Array): void {
    this.raw(this.record(type, body));
  }

  /** The next handshake message of this type; undefined when something else comes. */
  async hearMessage(wanted: number): Promise<Buffer | undefined> {
    for (;;) {
      const length = this.#pending.length >= 4 ? 4 + this.#pending.readUIntBE(1, 3) : Infinity;
      if (this.#pending.length >= length) {
        const found = this.#pending.subarray(0, length);
        this.#pending = this.#pending.subarray(length);
        this.transcript.push(found);
        if (found[0] === wanted) return found.subarray(4);
        continue;
      }
      const next = await this.#next();
      if (next?.type !== TYPE.handshake) {
        this.#missed = next;
        return undefined;
      }
      this.#pending = Buffer.concat([this.#pending, next.body]);
    }
  }

  /** The next application data or alert, or that it is over. */
  async hear(): Promise<Heard> {
    const next = this.#missed ?? (await this.#next());
    this.#missed = undefined;
    if (next === undefined) return { kind: 'closed' };
    if (next.type === TYPE.alert) return { kind: 'alert', alert: next.body[1] ?? -1 };
    if (next.type === TYPE.applicationData) return { kind: 'data', octets: next.body };
    return this.hear();
  }

  async #next(): Promise<TlsRecord | undefined> {
    for (;;) {
      const record = await this.#records.next();
      if (record.done === true) return undefined;
      const { type, body } = record.value;
      if (type !== TYPE.changeCipherSpec)
        return { type, body: this.#isInboundProtected ? this.#open(type, body) : body };
      this.#isInboundProtected = true;
    }
  }

  #open(type: number, body: Buffer): Buffer {
    const { serverKey, serverIv } = this.#keys ?? NO_KEYS;
    const explicit = body.subarray(0, 8);
    const decipher = createDecipheriv(
      'aes-128-gcm',
      serverKey,
      Buffer.concat([serverIv, explicit]),
    );
    const sequence = Buffer.concat([Buffer.alloc(2), uint(6, this.#heard++)]);
    decipher.setAAD(Buffer.concat([sequence, Buffer.of(type, 3, 3), uint(2, body.length - 24)]));
    decipher.setAuthTag(body.subarray(-16));
    return Buffer.concat([decipher.update(body.subarray(8, -16)), decipher.final()]);
  }
}

interface Keys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
  readonly clientIv: Buffer;
  readonly serverIv: Buffer;
}
const NO_KEYS: Keys = {
  clientKey: NOTHING,
  serverKey: NOTHING,
  clientIv: NOTHING,
  serverIv: NOTHING,
};

export async function handshake(t: ExecutionContext, options: ClientOptions): Promise<Handshake> {
  const socket = connect(options.port, '127.0.0.1').setNoDelay(true);
  t.teardown(() => socket.destroy());
  const wire = new Tls12Wire(socket);
  const hello = makeHello(options);
  wire.transcript.push(hello);
  if (options.send) options.send(wire, hello);
  else wire.raw(inClear(TYPE.handshake, hello, 0x0301));
  const answer = await wire.hearMessage(HANDSHAKE.serverHello);
  if (answer === undefined) return { wire, isDone: false };
  if ((await wire.hearMessage(HANDSHAKE.serverHelloDone)) === undefined)
    return { wire, isDone: false };
  const keyExchange = message(
    HANDSHAKE.clientKeyExchange,
    vector(2, Buffer.from(options.identity)),
  );
  wire.transcript.push(keyExchange);
  const { key } = options;
  const premaster = Buffer.concat([vector(2, Buffer.alloc(key.length)), vector(2, key)]);
  const master = prf(premaster, 'extended master secret', digest(wire.transcript), 48);
  const seed = Buffer.concat([answer.subarray(2, 34), RANDOM]);
  const block = prf(master, 'key expansion', seed, 40);
  const keys = {
    clientKey: block.subarray(0, 16),
    serverKey: block.subarray(16, 32),
    clientIv: block.subarray(32, 36),
    serverIv: block.subarray(36, 40),
  };
  const flight: Flight = {
    changeCipherSpec: inClear(TYPE.changeCipherSpec, Buffer.of(1)),
    finished: (change = (mac) => mac) => {
      wire.useKeys(keys);
      const mac = change(prf(master, 'client finished', digest(wire.transcript), 12));
      const whole = message(HANDSHAKE.finished, mac);
      wire.transcript.push(whole);
      return wire.record(TYPE.handshake, whole);
    },
  };
  if (options.sendFlight) options.sendFlight(wire, keyExchange, flight);
  else wire.raw(inClear(TYPE.handshake, keyExchange), flight.changeCipherSpec, flight.finished());
  return { wire, isDone: (await wire.hearMessage(HANDSHAKE.finished)) !== undefined };
}

const RANDOM = Buffer.alloc(32, 7);

function makeHello({
  suites = [SUITE],
  compression = [0],
  extensions = same,
}: ClientOptions): Buffer {
  const usual: Extension[] = [
    [0, vector(2, Buffer.of(0), vector(2, Buffer.from('naf.example.org')))],
    [16, vector(2, vector(1, Buffer.from('coap')))],
    [23, NOTHING],
    [0xff01, Buffer.of(0)],
  ];
  const body = [
    Buffer.of(3, 3),
    RANDOM,
    vector(1),
    vector(2, ...suites.map((code) => uint(2, code))),
    vector(1, Buffer.from(compression)),
    vector(2, encodeExtensions(extensions(usual))),
  ];
  return message(HANDSHAKE.clientHello, Buffer.concat(body));
}

function digest(messages: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(messages)).digest();
}

/** P_SHA256 (RFC 5246 5). */
function prf(secret: Buffer, label: string, seed: Buffer, octets: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (content: Buffer): Buffer => createHmac('sha256', secret).update(content).digest();
  let out = NOTHING;
  for (let a = hmac(labelled); out.length < octets; a = hmac(a)) {
    out = Buffer.concat([out, hmac(Buffer.concat([a, labelled]))]);
  }
  return out.subarray(0, octets);
}

function same(usual: readonly Extension[]): readonly Extension[] {
  return usual;
}
