/** A ClientHello of any make, and what a listener answers: a choice, an alert, or nothing (RFC 8446 4.1, RFC 5246 7.4). */
import { createECDH, createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import {
  extension,
  finishedKey,
  handshakeMessagesOf,
  RECORD,
  recordsOf,
  uint,
  vector,
  type TlsRecord,
} from './tls-records.ts';

export interface Offer {
  /** legacy_version; 0x0303 unless given. */
  readonly version?: number;
  /** supported_versions; absent: no such extension. */
  readonly versions?: readonly number[];
  readonly suites: readonly number[];
  /** supported_groups; absent: no such extension. */
  readonly groups?: readonly number[];
  /** Groups of key_share; absent: no such extension. */
  readonly shares?: readonly number[];
  readonly compression?: readonly number[];
  /** psk_key_exchange_modes; absent: no such extension. */
  readonly modes?: readonly number[];
  /** signature_algorithms ecdsa_secp256r1_sha256 and rsa_pss_rsae_sha256. */
  readonly signatures?: boolean;
  readonly psk?: { readonly identity: string; readonly key: Uint8Array };
}

/** What a listener made of an offer. */
export type Answer =
  /** The ServerHello, and in TLS 1.2 the ServerKeyExchange, without their headers. */
  | { readonly kind: 'hello'; readonly hello: Buffer; readonly next: Buffer | undefined }
  /** RFC 8446 6. */
  | { readonly kind: 'alert'; readonly alert: number }
  | { readonly kind: 'closed' };
/** The answer that agrees. */
export type Agreement = Extract<Answer, { kind: 'hello' }>;

export function answerToOffer(port: number, offer: Offer): Promise<Answer> {
  return answerToOctets(port, clientHello(offer));
}

/** What comes back first: an alert, or the flight that begins with a ServerHello. */
export async function answerToOctets(port: number, octets: Uint8Array): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => {
    socket.on('error', () => undefined).on('close', resolve);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const records = recordsOf(chunks);
      if (alertIn(records) || records.length > 1) resolve();
    });
    socket.write(octets);
  });
  socket.destroy();
  const alert = alertIn(recordsOf(chunks));
  if (alert) return { kind: 'alert', alert: alert.body.readUInt8(1) };
  const [hello, next] = handshakeMessagesOf(chunks);
  if (hello === undefined) return { kind: 'closed' };
  return { kind: 'hello', hello: hello.body, next: next?.body };
}

/** Also behind a ServerHello, to which no ServerKeyExchange could be made. */
function alertIn(records: readonly TlsRecord[]): TlsRecord | undefined {
  return records.find(({ type }) => type === RECORD.alert);
}

/** The suite of a ServerHello. */
export function suiteOf(hello: Buffer): number {
  return hello.readUInt16BE(35 + hello.readUInt8(34));
}

/** The group of a ServerHello or HelloRetryRequest of TLS 1.3. */
export function groupOf(hello: Buffer): number | undefined {
  for (let at = 35 + hello.readUInt8(34) + 5; at + 4 <= hello.length;) {
    if (hello.readUInt16BE(at) === EXTENSION.shares) return hello.readUInt16BE(at + 4);
    at += 4 + hello.readUInt16BE(at + 2);
  }
  return undefined;
}

/** The message in its record, with a true binder when it offers a key. */
export function clientHello(offer: Offer): Buffer {
  const { version = 0x0303, suites, compression = [0], psk } = offer;
  const identity = psk && Buffer.concat([vector(2, Buffer.from(psk.identity)), Buffer.alloc(4)]);
  const list = identity ? vector(2, identity) : Buffer.alloc(0);
  const pskHeader = psk
    ? Buffer.concat([uint(2, EXTENSION.psk), uint(2, list.length + BINDERS_OCTETS)])
    : Buffer.alloc(0);
  const extensions = Buffer.concat([...extensionsOf(offer), pskHeader, list]);
  const toCome = psk ? BINDERS_OCTETS : 0;
  const body = Buffer.concat([
    uint(2, version),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 8)),
    vector(2, Buffer.concat(suites.map((suite) => uint(2, suite)))),
    vector(1, Buffer.from(compression)),
    ...(extensions.length > 0 ? [uint(2, extensions.length + toCome), extensions] : []),
  ]);
  const truncated = Buffer.concat([Buffer.of(1), uint(3, body.length + toCome), body]);
  const message = psk ? Buffer.concat([truncated, binders(truncated, psk.key)]) : truncated;
  return Buffer.concat([Buffer.of(22, 3, 1), vector(2, message)]);
}

function extensionsOf({ versions, groups, shares, modes, signatures }: Offer): Buffer[] {
  const numbers = (list: readonly number[]): Buffer =>
    Buffer.concat(list.map((number) => uint(2, number)));
  const share = (group: number): Buffer => Buffer.concat([uint(2, group), vector(2, point(group))]);
  return [
    ...(versions ? [extension(EXTENSION.versions, vector(1, numbers(versions)))] : []),
    ...(groups ? [extension(EXTENSION.groups, vector(2, numbers(groups)))] : []),
    ...(signatures ? [extension(EXTENSION.signatures, vector(2, numbers([0x0403, 0x0804])))] : []),
    ...(shares ? [extension(EXTENSION.shares, vector(2, Buffer.concat(shares.map(share))))] : []),
    ...(modes ? [extension(EXTENSION.modes, vector(1, Buffer.from(modes)))] : []),
  ];
}

/** A true public key; for a group of ours only. */
function point(group: number): Buffer {
  if (group === 0x17) return createECDH('prime256v1').generateKeys();
  const { publicKey } = generateKeyPairSync('x25519');
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
}

function binders(truncated: Buffer, key: Uint8Array): Buffer {
  const hash = createHash('sha256').update(truncated).digest();
  return vector(2, vector(1, createHmac('sha256', finishedKey(key)).update(hash).digest()));
}

const EXTENSION = {
  groups: 0x0a,
  signatures: 0x0d,
  psk: 0x29,
  versions: 0x2b,
  modes: 0x2d,
  shares: 0x33,
} as const;
/** One binder of SHA-256. */
const BINDERS_OCTETS = 2 + 1 + 32;
