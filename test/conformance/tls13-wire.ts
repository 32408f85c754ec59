/** One end of TLS 1.3 that says what a test tells it to, and hears everything (RFC 8446 5, 7). */
import { diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  deriveSecret,
  expandLabel,
  extract,
  finishedMac,
  digest,
  Protection,
  RAW_SUITES,
  uint,
  vector,
} from '../attacks/key-schedule.ts';
import { recordsFrom, x25519 } from '../attacks/raw-client.ts';
import { RECORD, type TlsRecord } from '../support/tls-records.ts';

export { uint, vector };
export const TYPE = { ...RECORD, applicationData: 23 } as const;
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  certificateRequest: 13,
  finished: 20,
  keyUpdate: 24,
  messageHash: 254,
} as const;
export const EXTENSION = {
  serverName: 0,
  maxFragmentLength: 1,
  groups: 10,
  signatures: 13,
  alpn: 16,
  preSharedKey: 41,
  earlyData: 42,
  versions: 43,
  cookie: 44,
  pskModes: 45,
  keyShare: 51,
} as const;
export const X25519 = 0x1d;
const suite = RAW_SUITES[0x1301];
const NOTHING = Buffer.alloc(0);

/** The type and the content of an extension. */
export type Extension = readonly [type: number, content: Buffer];

export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return Buffer.concat(
    extensions.map(([type, content]) => Buffer.concat([uint(2, type), vector(2, content)])),
  );
}

export function decodeExtensions(octets: Buffer): Extension[] {
  const extensions: Extension[] = [];
  for (let at = 2; at + 4 <= octets.length; at += 4 + octets.readUInt16BE(at + 2)) {
    const end = at + 4 + octets.readUInt16BE(at + 2);
    extensions.push([octets.readUInt16BE(at), octets.subarray(at + 4, end)]);
  }
  return extensions;
}

export function message(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, body)]);
}

export function inClear(type: number, body: Uint8Array, version = 0x0303): Buffer {
  return Buffer.concat([Buffer.of(type), uint(2, version), vector(2, body)]);
}

/** What the other end did next: `data`, or what ended it. */
export type Heard =
  | { readonly kind: 'data'; readonly octets: Buffer }
  | { readonly kind: 'alert'; readonly alert: number }
  | { readonly kind: 'closed' };

/** Both directions of one connection, in clear text until there are secrets. */
export class Tls13Wire {
  readonly socket: Socket;
  readonly isClient: boolean;
  readonly pair = generateKeyPairSync('x25519');
  /** Whole handshake messages, in order. */
  readonly transcript: Buffer[] = [];
  /** Messages that came and that nobody looked at. */
  readonly unread: { readonly type: number; readonly message: Buffer }[] = [];
  readonly #records: AsyncGenerator<TlsRecord, undefined>;
  #pending = NOTHING;
  #inbound: Protection | undefined;
  #outbound: Protection | undefined;
  #handshakeSecret: Buffer | undefined;
  #secrets: { in: Buffer; out: Buffer } = { in: NOTHING, out: NOTHING };

  constructor(socket: Socket, isClient: boolean) {
    this.socket = socket.on('error', () => undefined);
    this.isClient = isClient;
    this.#records = recordsFrom(socket);
  }

  /** The raw X25519 key of this end. */
  get point(): Buffer {
    return this.pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  }

  /** Any octets, as they are. */
  raw(...octets: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(octets));
  }

  /** One record, protected as things stand; `padding` are zeros after its type. */
  record(type: number, body: Uint8Array, padding = 0): Buffer {
    return this.#outbound?.seal(type, body, padding) ?? inClear(type, body);
  }

  say(type: number, body: Uint8Array, padding = 0): void {
    this.raw(this.record(type, body, padding));
  }

  /** A handshake message in one record; it counts in the transcript until this end has finished. */
  sayMessage(type: number, body: Uint8Array): void {
    const whole = message(type, body);
    this.transcript.push(whole);
    this.say(TYPE.handshake, whole);
  }

  /** The next handshake message; undefined when something else comes. */
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
        if (next) this.unread.push({ type: next.type, message: next.body });
        return undefined;
      }
      this.#pending = Buffer.concat([this.#pending, next.body]);
    }
  }

  /** The next application data or alert, or that it is over; handshake messages are passed over. */
  async hear(): Promise<Heard> {
    const missed = this.unread.shift();
    const next = missed ? { type: missed.type, body: missed.message } : await this.#next();
    if (next === undefined) return { kind: 'closed' };
    if (next.type === TYPE.alert) return { kind: 'alert', alert: next.body[1] ?? -1 };
    if (next.type === TYPE.applicationData) return { kind: 'data', octets: next.body };
    if (next.body[0] === MESSAGE.keyUpdate) this.rekey('in');
    return this.hear();
  }

  /** ECDHE and the key together, after both hellos. */
  startHandshake(key: Uint8Array | undefined, theirPoint: Buffer): void {
    const shared = diffieHellman({
      privateKey: this.pair.privateKey,
      publicKey: x25519(theirPoint),
    });
    const early = extract(suite, Buffer.alloc(32), key);
    this.#handshakeSecret = extract(suite, deriveSecret(suite, early, 'derived'), shared);
    this.#derive(this.#handshakeSecret, 'hs traffic');
    this.#inbound = new Protection(suite, this.#secrets.in);
    this.#outbound = new Protection(suite, this.#secrets.out);
  }

  /** What a Finished of this end says now. */
  finished(): Buffer {
    return finishedMac(suite, this.#secrets.out, digest(suite, ...this.transcript));
  }

  /** Reckoned when the server's Finished is the last in the transcript; `use` takes them. */
  applicationSecrets(): { readonly use: (direction: 'in' | 'out') => void } {
    const handshake = this.#handshakeSecret ?? NOTHING;
    const master = extract(suite, deriveSecret(suite, handshake, 'derived'));
    const [own, other] = this.isClient ? ['c', 's'] : ['s', 'c'];
    const secrets = {
      in: deriveSecret(suite, master, `${other} ap traffic`, this.transcript),
      out: deriveSecret(suite, master, `${own} ap traffic`, this.transcript),
    };
    return {
      use: (direction) => {
        this.#secrets = { ...this.#secrets, [direction]: secrets[direction] };
        this.#protect(direction);
      },
    };
  }

  /** The next generation of one direction (RFC 8446 7.2). */
  rekey(direction: 'in' | 'out'): void {
    this.#secrets[direction] = expandLabel(suite, this.#secrets[direction], 'traffic upd');
    this.#protect(direction);
  }

  #protect(direction: 'in' | 'out'): void {
    const protection = new Protection(suite, this.#secrets[direction]);
    if (direction === 'in') this.#inbound = protection;
    else this.#outbound = protection;
  }

  #derive(secret: Buffer, label: string): void {
    const [own, other] = this.isClient ? ['c', 's'] : ['s', 'c'];
    this.#secrets = {
      in: deriveSecret(suite, secret, `${other} ${label}`, this.transcript),
      out: deriveSecret(suite, secret, `${own} ${label}`, this.transcript),
    };
  }

  /** ChangeCipherSpec says nothing here. */
  async #next(): Promise<TlsRecord | undefined> {
    for (;;) {
      const record = await this.#records.next();
      if (record.done === true) return undefined;
      const { type, body } = record.value;
      if (type === TYPE.changeCipherSpec) continue;
      return type === TYPE.applicationData && this.#inbound
        ? this.#inbound.open(body)
        : { type, body };
    }
  }
}

/** message_hash in place of a first hello that was asked to come again (RFC 8446 4.4.1). */
export function hashInPlaceOf(hello: Buffer): Buffer {
  return message(MESSAGE.messageHash, digest(suite, hello));
}

/** The binder over a hello up to its binders, and what went before it. */
export function binder(key: Uint8Array, ...transcript: readonly Buffer[]): Buffer {
  const early = extract(suite, Buffer.alloc(32), key);
  return finishedMac(suite, deriveSecret(suite, early, 'ext binder'), digest(suite, ...transcript));
}
