/** An attacker's own TLS 1.3 client: any identities, any binders, any order, no policy (RFC 8446). */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { on } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RECORD, type TlsRecord } from '../support/tls-records.ts';
import {
  deriveSecret,
  digest,
  expandLabel,
  extract,
  finishedMac,
  Protection,
  RAW_SUITES,
  uint,
  vector,
  type Suite,
} from './key-schedule.ts';

/** One entry of pre_shared_key. */
export interface OfferedPsk {
  readonly identity: string | Uint8Array;
  /** What its binder is made with; another key than the server's makes a junk binder. */
  readonly key: Uint8Array;
  /** True for a ticket, whose binder is that of a resumption. */
  readonly isTicket?: boolean;
}

export interface RawHello {
  readonly psks: readonly OfferedPsk[];
  /** TLS_AES_128_GCM_SHA256 unless given; 0x1302 is TLS_AES_256_GCM_SHA384. */
  readonly suite?: keyof typeof RAW_SUITES;
  readonly serverName?: Uint8Array;
  /** legacy_session_id, 32 octets; of no meaning in TLS 1.3. */
  readonly sessionId?: Uint8Array;
  /** Sent under the key before the server has said anything (RFC 8446 2.3). */
  readonly earlyData?: string;
}

/** What the attacker has when the server has let him in. */
export interface RawLayer {
  /** The server says that it takes early data. */
  readonly tookEarly: boolean;
  /** The next application data; undefined when the server hangs up first. */
  readonly read: () => Promise<string | undefined>;
  readonly write: (text: string) => void;
  /** A ticket of this server; undefined when it hangs up first. */
  readonly ticket: () => Promise<OfferedPsk | undefined>;
  readonly close: () => void;
}

const MESSAGE = { clientHello: 1, newSessionTicket: 4, finished: 20 } as const;
const EXTENSION = { keyShare: 0x33, preSharedKey: 0x29, earlyData: 0x2a } as const;
const APPLICATION_DATA = 23;

/** A ClientHello in its record, for a handshake that goes no further. */
export function rawClientHello(hello: RawHello): Buffer {
  return inRecord(makeHello(hello, generateKeyPairSync('x25519').publicKey));
}

/**
 * A whole handshake; undefined when the server refuses it. A certificate that the server shows
 * instead of using a key is as good as any.
 */
export async function openRawLayer(port: number, options: RawHello): Promise<RawLayer | undefined> {
  const suite = RAW_SUITES[options.suite ?? 0x1301];
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const hello = makeHello(options, publicKey);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const records = recordsFrom(socket);
  socket.write(inRecord(hello));
  if (options.earlyData !== undefined) {
    const early = extract(suite, Buffer.alloc(suite.hashOctets), options.psks[0]?.key);
    const protection = new Protection(suite, deriveSecret(suite, early, 'c e traffic', [hello]));
    socket.write(protection.seal(APPLICATION_DATA, Buffer.from(options.earlyData)));
  }

  const answer = await records.next();
  if (answer.done === true || answer.value.type !== RECORD.handshake) return refused(socket);
  const serverHello = answer.value.body;
  const { selected, keyShare } = readServerHello(serverHello);
  const key = selected === undefined ? undefined : options.psks[selected]?.key;
  const shared = diffieHellman({ privateKey, publicKey: x25519(keyShare) });
  const early = extract(suite, Buffer.alloc(suite.hashOctets), key);
  const handshake = extract(suite, deriveSecret(suite, early, 'derived'), shared);
  const transcript = [hello, serverHello];
  const clientSecret = deriveSecret(suite, handshake, 'c hs traffic', transcript);
  const serverSecret = deriveSecret(suite, handshake, 's hs traffic', transcript);

  const flight = await readFlight(records, new Protection(suite, serverSecret));
  if (flight === undefined) return refused(socket);
  transcript.push(flight);
  const master = extract(suite, deriveSecret(suite, handshake, 'derived'));
  const inbound = new Protection(suite, deriveSecret(suite, master, 's ap traffic', transcript));
  const outbound = new Protection(suite, deriveSecret(suite, master, 'c ap traffic', transcript));
  const mac = finishedMac(suite, clientSecret, digest(suite, ...transcript));
  const finished = Buffer.concat([Buffer.of(MESSAGE.finished), vector(3, mac)]);
  socket.write(new Protection(suite, clientSecret).seal(RECORD.handshake, finished));
  transcript.push(finished);

  const unread: TlsRecord[] = [];
  const next = async (wanted: number): Promise<Buffer | undefined> => {
    for (;;) {
      const at = unread.findIndex(({ type }) => type === wanted);
      if (at >= 0) return unread.splice(at, 1)[0]?.body;
      const record = await records.next();
      if (record.done === true) return undefined;
      unread.push(inbound.open(record.value.body));
    }
  };
  return {
    tookEarly: hasEarlyData(flight),
    read: async () => (await next(APPLICATION_DATA))?.toString(),
    write: (text) => {
      socket.write(outbound.seal(APPLICATION_DATA, Buffer.from(text)));
    },
    ticket: async () => {
      const resumption = deriveSecret(suite, master, 'res master', transcript);
      const message = await next(RECORD.handshake);
      return message && ticketOf(message, suite, resumption);
    },
    close: () => {
      socket.destroy();
    },
  };
}

function refused(socket: Socket): undefined {
  socket.destroy();
  return undefined;
}

/** Whole records as they come; ends when the server hangs up, be it by a reset. */
export async function* recordsFrom(socket: Socket): AsyncGenerator<TlsRecord, undefined> {
  let held = Buffer.alloc(0);
  try {
    const chunks = on(socket, 'data', { close: ['end', 'close'] }) as AsyncIterable<[Buffer]>;
    for await (const [chunk] of chunks) {
      held = Buffer.concat([held, chunk]);
      for (let end = recordEnd(held); end <= held.length; end = recordEnd(held)) {
        yield { type: held.readUInt8(0), body: held.subarray(5, end) };
        held = held.subarray(end);
      }
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
  return undefined;
}

function recordEnd(octets: Buffer): number {
  return octets.length < 5 ? Infinity : 5 + octets.readUInt16BE(3);
}

/** EncryptedExtensions to Finished, in clear; undefined when the server stops before. */
async function readFlight(
  records: AsyncGenerator<TlsRecord, undefined>,
  protection: Protection,
): Promise<Buffer | undefined> {
  let flight = Buffer.alloc(0);
  for (;;) {
    const record = await records.next();
    if (record.done === true || record.value.type === RECORD.alert) return undefined;
    if (record.value.type !== APPLICATION_DATA) continue;
    const { type, body } = protection.open(record.value.body);
    if (type !== RECORD.handshake) return undefined;
    flight = Buffer.concat([flight, body]);
    if (lastMessageOf(flight) === MESSAGE.finished) return flight;
  }
}

/** EncryptedExtensions comes first: its length, then type, length and content of each. */
function hasEarlyData(flight: Buffer): boolean {
  const end = 4 + flight.readUIntBE(1, 3);
  for (let at = 6; at + 4 <= end; at += 4 + flight.readUInt16BE(at + 2)) {
    if (flight.readUInt16BE(at) === EXTENSION.earlyData) return true;
  }
  return false;
}

/** The type of the last message when it is whole. */
function lastMessageOf(flight: Buffer): number | undefined {
  let [at, type]: [number, number | undefined] = [0, undefined];
  while (at + 4 <= flight.length) {
    type = flight.readUInt8(at);
    at += 4 + flight.readUIntBE(at + 1, 3);
  }
  return at === flight.length ? type : undefined;
}

function readServerHello(message: Buffer): { selected?: number; keyShare: Buffer } {
  let [selected, keyShare]: [number | undefined, Buffer] = [undefined, Buffer.alloc(0)];
  const first = 4 + 35 + message.readUInt8(4 + 34) + 5;
  for (let at = first; at < message.length; at += 4 + message.readUInt16BE(at + 2)) {
    const type = message.readUInt16BE(at);
    if (type === EXTENSION.preSharedKey) selected = message.readUInt16BE(at + 4);
    if (type === EXTENSION.keyShare) keyShare = message.subarray(at + 8, at + 40);
  }
  return { ...(selected !== undefined && { selected }), keyShare };
}

/** NewSessionTicket: lifetime, age_add, nonce, ticket (RFC 8446 4.6.1). */
function ticketOf(message: Buffer, suite: Suite, resumption: Buffer): OfferedPsk {
  const nonceEnd = 13 + message.readUInt8(12);
  const context = message.subarray(13, nonceEnd);
  const identity = message.subarray(nonceEnd + 2, nonceEnd + 2 + message.readUInt16BE(nonceEnd));
  return {
    identity,
    key: expandLabel(suite, resumption, 'resumption', { context }),
    isTicket: true,
  };
}

function makeHello(
  { psks, suite: code = 0x1301, serverName, sessionId = Buffer.alloc(32, 8), earlyData }: RawHello,
  share: KeyObject,
): Buffer {
  const suite = RAW_SUITES[code];
  const point = share.export({ type: 'spki', format: 'der' }).subarray(-32);
  const identities = psks.map(({ identity }) =>
    Buffer.concat([vector(2, Buffer.from(identity)), Buffer.alloc(4)]),
  );
  const bindersOctets = 2 + psks.length * (1 + suite.hashOctets);
  const list = vector(2, ...identities);
  const extensions = Buffer.concat([
    ...(serverName ? [extension(0, vector(2, Buffer.of(0), vector(2, serverName)))] : []),
    extension(0x002b, vector(1, Buffer.of(3, 4))),
    extension(0x000a, vector(2, Buffer.of(0, 0x1d))),
    extension(0x000d, vector(2, Buffer.of(4, 3, 8, 4))),
    extension(EXTENSION.keyShare, vector(2, Buffer.of(0, 0x1d), vector(2, point))),
    extension(0x002d, vector(1, Buffer.of(1))),
    ...(earlyData === undefined ? [] : [extension(EXTENSION.earlyData, Buffer.alloc(0))]),
    ...(psks.length > 0
      ? [uint(2, EXTENSION.preSharedKey), uint(2, list.length + bindersOctets), list]
      : []),
  ]);
  const toCome = psks.length > 0 ? bindersOctets : 0;
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    vector(1, sessionId),
    vector(2, uint(2, code)),
    vector(1, Buffer.of(0)),
    uint(2, extensions.length + toCome),
    extensions,
  ]);
  const truncated = Buffer.concat([
    Buffer.of(MESSAGE.clientHello),
    uint(3, body.length + toCome),
    body,
  ]);
  if (psks.length === 0) return truncated;
  const binders = psks.map((psk) => vector(1, binderOf(suite, psk, digest(suite, truncated))));
  return Buffer.concat([truncated, vector(2, ...binders)]);
}

function binderOf(suite: Suite, { key, isTicket = false }: OfferedPsk, hash: Buffer): Buffer {
  const early = extract(suite, Buffer.alloc(suite.hashOctets), key);
  const label = isTicket ? 'res binder' : 'ext binder';
  return finishedMac(suite, deriveSecret(suite, early, label), hash);
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([uint(2, type), vector(2, content)]);
}

/** A record, or as many as it takes. */
function inRecord(message: Buffer): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += 16_384) {
    records.push(Buffer.of(22, 3, 1), vector(2, message.subarray(at, at + 16_384)));
  }
  return Buffer.concat(records);
}

/** The public key of a raw point. */
export function x25519(point: Buffer): KeyObject {
  const header = Buffer.from('302a300506032b656e032100', 'hex');
  return createPublicKey({ key: Buffer.concat([header, point]), format: 'der', type: 'spki' });
}
