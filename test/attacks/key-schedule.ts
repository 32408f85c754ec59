/** The key schedule and record protection of TLS 1.3, for whoever attacks it (RFC 8446 5.2, 7.1). */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

export interface Suite {
  readonly hash: 'sha256' | 'sha384';
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm';
  readonly hashOctets: number;
  readonly keyOctets: number;
}

/** By their IANA codes. */
export const RAW_SUITES = {
  0x1301: { hash: 'sha256', cipher: 'aes-128-gcm', hashOctets: 32, keyOctets: 16 },
  0x1302: { hash: 'sha384', cipher: 'aes-256-gcm', hashOctets: 48, keyOctets: 32 },
} as const satisfies Record<number, Suite>;

/** Lengths in front: a vector of TLS (RFC 8446 3.4). */
export function vector(lengthOctets: number, ...content: readonly Uint8Array[]): Buffer {
  const joined = Buffer.concat(content);
  return Buffer.concat([uint(lengthOctets, joined.length), joined]);
}

export function uint(octets: number, value: number): Buffer {
  const out = Buffer.alloc(octets);
  out.writeUIntBE(value, 0, octets);
  return out;
}

export function digest({ hash }: Suite, ...parts: readonly Uint8Array[]): Buffer {
  return createHash(hash).update(Buffer.concat(parts)).digest();
}

export function hmac({ hash }: Suite, key: Uint8Array, content: Uint8Array): Buffer {
  return createHmac(hash, key).update(content).digest();
}

/** HKDF-Extract; zeros stand for what is not there. */
export function extract(suite: Suite, salt: Uint8Array, input?: Uint8Array): Buffer {
  return hmac(suite, salt, input ?? Buffer.alloc(suite.hashOctets));
}

/** HKDF-Expand-Label, one block at most. */
export function expandLabel(
  suite: Suite,
  secret: Uint8Array,
  label: string,
  {
    context = Buffer.alloc(0),
    octets = suite.hashOctets,
  }: { context?: Buffer; octets?: number } = {},
): Buffer {
  const info = [uint(2, octets), vector(1, Buffer.from(`tls13 ${label}`)), vector(1, context)];
  return hmac(suite, secret, Buffer.concat([...info, Buffer.of(1)])).subarray(0, octets);
}

/** Derive-Secret over messages. */
export function deriveSecret(
  suite: Suite,
  secret: Uint8Array,
  label: string,
  messages: readonly Uint8Array[] = [],
): Buffer {
  return expandLabel(suite, secret, label, { context: digest(suite, ...messages) });
}

/** The MAC of a Finished message or of a binder. */
export function finishedMac(suite: Suite, base: Uint8Array, transcriptHash: Buffer): Buffer {
  return hmac(suite, expandLabel(suite, base, 'finished'), transcriptHash);
}

/** One direction of protected records under one traffic secret. */
export class Protection {
  readonly #suite: Suite;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(suite: Suite, trafficSecret: Uint8Array) {
    this.#suite = suite;
    this.#key = expandLabel(suite, trafficSecret, 'key', { octets: suite.keyOctets });
    this.#iv = expandLabel(suite, trafficSecret, 'iv', { octets: 12 });
  }

  /** A whole record around `content`, with so many zeros behind its type. */
  seal(type: number, content: Uint8Array, padding = 0): Buffer {
    const inner = Buffer.concat([content, Buffer.of(type), Buffer.alloc(padding)]);
    const header = Buffer.concat([Buffer.of(23, 3, 3), uint(2, inner.length + 16)]);
    const cipher = createCipheriv(this.#suite.cipher, this.#key, this.#nonce());
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  /** What the body of a record holds. @throws Error when the key is not the sender's. */
  open(body: Buffer): { readonly type: number; readonly body: Buffer } {
    const decipher = createDecipheriv(this.#suite.cipher, this.#key, this.#nonce());
    decipher.setAAD(Buffer.concat([Buffer.of(23, 3, 3), uint(2, body.length)]));
    decipher.setAuthTag(body.subarray(-16));
    const inner = Buffer.concat([decipher.update(body.subarray(0, -16)), decipher.final()]);
    const end = inner.findLastIndex((octet) => octet !== 0);
    return { type: inner.readUInt8(end), body: inner.subarray(0, end) };
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence) >>> 0, 8);
    this.#sequence += 1;
    return nonce;
  }
}
