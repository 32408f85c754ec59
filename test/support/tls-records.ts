/** TLS records as an observer sees them, and hand-made hellos (RFC 8446, RFC 5246). */
import { createHash, createHmac } from 'node:crypto';
import { connect } from 'node:net';

export interface TlsRecord {
  readonly type: number;
  readonly body: Buffer;
}

export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const;

/** The whole TLS records of a stream (RFC 8446 5.1). */
export function recordsOf(chunks: readonly Buffer[]): TlsRecord[] {
  const stream = Buffer.concat(chunks);
  const records: TlsRecord[] = [];
  for (let at = 0; at + 5 <= stream.length;) {
    const length = stream.readUInt16BE(at + 3);
    records.push({ type: stream.readUInt8(at), body: stream.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return records;
}

/** The handshake messages in clear text: all of them up to ChangeCipherSpec. */
export function handshakeMessagesOf(chunks: readonly Buffer[]): TlsRecord[] {
  const records = recordsOf(chunks);
  const end = records.findIndex(({ type }) => type === RECORD.changeCipherSpec);
  const clear = records.slice(0, end === -1 ? undefined : end);
  const stream = Buffer.concat(
    clear.filter(({ type }) => type === RECORD.handshake).map(({ body }) => body),
  );
  const messages: TlsRecord[] = [];
  for (let at = 0; at + 4 <= stream.length;) {
    const length = stream.readUIntBE(at + 1, 3);
    messages.push({ type: stream.readUInt8(at), body: stream.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return messages;
}

/** The extension types of a ServerHello body. */
export function serverExtensionsOf(body: Buffer): number[] {
  const types: number[] = [];
  const sessionId = body.readUInt8(34);
  for (let at = 35 + sessionId + 3 + 2; at + 4 <= body.length;) {
    types.push(body.readUInt16BE(at));
    at += 4 + body.readUInt16BE(at + 2);
  }
  return types;
}

export interface RawHello {
  readonly identities: readonly (string | Uint8Array)[];
  /** The key that every binder is made with. */
  readonly key: Uint8Array;
  /** psk_key_exchange_modes: 0 psk_ke, 1 psk_dhe_ke. */
  readonly modes?: readonly number[];
}

/** A TLS 1.3 ClientHello in its record, with true binders (RFC 8446 4.1.2, 4.2.11.2). */
export function rawHello({ identities, key, modes = [1] }: RawHello): Buffer {
  const point = Buffer.alloc(32, 9);
  const offered = identities.map((identity) => [vector(2, Buffer.from(identity)), Buffer.alloc(4)]);
  const bindersLength = identities.length * 33;
  const before = [
    extension(0x002b, vector(1, Buffer.of(3, 4))),
    extension(0x000a, vector(2, Buffer.of(0, 0x1d))),
    extension(0x000d, vector(2, Buffer.of(4, 3))),
    extension(0x0033, vector(2, Buffer.concat([Buffer.of(0, 0x1d), vector(2, point)]))),
    extension(0x002d, vector(1, Buffer.from(modes))),
  ];
  const list = vector(2, Buffer.concat(offered.flat()));
  const pskHeader = Buffer.of(0, 0x29, 0, 0);
  pskHeader.writeUInt16BE(list.length + 2 + bindersLength, 2);
  const extensions = Buffer.concat([...before, pskHeader, list]);
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 8)),
    vector(2, Buffer.of(0x13, 0x01)),
    vector(1, Buffer.of(0)),
    uint(2, extensions.length + 2 + bindersLength),
    extensions,
  ]);
  const truncated = Buffer.concat([Buffer.of(1), uint(3, body.length + 2 + bindersLength), body]);
  const hash = createHash('sha256').update(truncated).digest();
  const binder = vector(1, createHmac('sha256', finishedKey(key)).update(hash).digest());
  const binders = vector(2, Buffer.concat(identities.map(() => binder)));
  return Buffer.concat([Buffer.of(22, 3, 1), vector(2, Buffer.concat([truncated, binders]))]);
}

/** What the server answers to raw octets: its first record, or undefined when it only hangs up. */
export async function answerTo(port: number, octets: Uint8Array): Promise<TlsRecord | undefined> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const first = new Promise<TlsRecord | undefined>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      resolve(recordsOf([chunk])[0]);
    });
    socket.on('close', () => {
      resolve(undefined);
    });
  });
  socket.write(octets);
  const record = await first;
  socket.destroy();
  return record;
}

/** The key of the binder of an external key (RFC 8446 4.2.11.2). */
export function finishedKey(key: Uint8Array): Buffer {
  const early = createHmac('sha256', Buffer.alloc(32)).update(key).digest();
  const nothing = createHash('sha256').digest();
  return expandLabel(expandLabel(early, 'ext binder', nothing), 'finished', Buffer.alloc(0));
}

/** HKDF-Expand-Label for one block (RFC 8446 7.1). */
function expandLabel(secret: Buffer, label: string, context: Buffer): Buffer {
  const info = Buffer.concat([
    uint(2, 32),
    vector(1, Buffer.from(`tls13 ${label}`)),
    vector(1, context),
  ]);
  return createHmac('sha256', secret)
    .update(Buffer.concat([info, Buffer.of(1)]))
    .digest();
}

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([uint(2, type), vector(2, content)]);
}

export function vector(lengthOctets: number, content: Buffer): Buffer {
  return Buffer.concat([uint(lengthOctets, content.length), content]);
}

export function uint(octets: number, value: number): Buffer {
  const out = Buffer.alloc(octets);
  out.writeUIntBE(value, 0, octets);
  return out;
}
