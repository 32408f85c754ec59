/** What a ClientHello says of versions, names and pre-shared keys (RFC 8446 4.1.2, RFC 6066 3). */
import { utf8Text, view } from '../lib/bytes.ts';
import { VectorReader } from './vectors.ts';

/** One entry of pre_shared_key (RFC 8446 4.2.11): a ticket or an external key. */
export interface OfferedPsk {
  readonly identity: Uint8Array;
  readonly binder: Uint8Array;
}

/** The part of a ClientHello that decides who is looked up. */
export interface ClientHello {
  readonly offersTls13: boolean;
  /** host_name as it was sent. */
  readonly serverName: string | undefined;
  /** In the order of the hello; only of TLS 1.3. */
  readonly psks: readonly OfferedPsk[];
  /** The message up to its binders, which are made over it (RFC 8446 4.2.11.2). */
  readonly truncated: Uint8Array;
}

/**
 * Reads a whole ClientHello with its header; what it gives lies in the octets of `message`.
 * @throws CodecError for everything that OpenSSL may read in another way: an extension that comes twice,
 * one after pre_shared_key, octets left over.
 */
export function decodeClientHello(message: Uint8Array): ClientHello {
  const reader = new VectorReader(message, 'the ClientHello');
  reader.skip(HEADER_OCTETS + VERSION_OCTETS + RANDOM_OCTETS);
  reader.skip(reader.uint(1));
  reader.skip(reader.uint(2));
  reader.skip(reader.uint(1));
  const hello = {
    offersTls13: false,
    serverName: undefined as string | undefined,
    psks: NO_PSKS,
    truncated: message,
  };
  if (reader.left === 0) return hello;
  const end = reader.enter(2);
  const seen: number[] = [];
  while (reader.left > 0) {
    const type = reader.uint(2);
    if (seen.includes(type)) throw reader.malformed(`extension ${type} comes twice`);
    if (seen.at(-1) === EXTENSION.preSharedKey)
      throw reader.malformed('pre_shared_key is not last');
    if (seen.push(type) > MOST_EXTENSIONS) throw reader.malformed('too many extensions');
    const next = reader.enter(2);
    if (type === EXTENSION.serverName) hello.serverName = readServerName(reader);
    else if (type === EXTENSION.supportedVersions) hello.offersTls13 = readVersions(reader);
    else if (type === EXTENSION.preSharedKey) {
      const identities = readIdentities(reader);
      hello.truncated = message.subarray(0, reader.offset);
      hello.psks = readBinders(reader, identities);
    } else reader.skip(reader.left);
    reader.leave(next);
  }
  reader.leave(end);
  reader.end();
  return hello;
}

/**
 * The text of an external key's identity, exactly as OpenSSL will see it; undefined for octets that
 * are no such text: not UTF-8, cut short by a NUL, empty, or more than 256.
 */
export function pskIdentityText(octets: Uint8Array): string | undefined {
  if (octets.length === 0 || octets.length > LONGEST_IDENTITY || octets.includes(0))
    return undefined;
  return utf8Text(octets);
}

/** One host_name and nothing else, printable, so that it compares as text. */
function readServerName(reader: VectorReader): string {
  const end = reader.enter(2);
  const type = reader.uint(1);
  const name = view(reader.vector(2)).toString('latin1');
  reader.leave(end);
  if (type !== 0 || !/^[\x21-\x7e]{1,255}$/.test(name)) throw reader.malformed('no host_name');
  return name;
}

function readVersions(reader: VectorReader): boolean {
  const end = reader.enter(1);
  let offersTls13 = false;
  while (reader.left > 0) offersTls13 = reader.uint(2) === TLS13 || offersTls13;
  reader.leave(end);
  return offersTls13;
}

function readIdentities(reader: VectorReader): Uint8Array[] {
  const identities: Uint8Array[] = [];
  const end = reader.enter(2);
  while (reader.left > 0) {
    identities.push(reader.vector(2));
    reader.skip(AGE_OCTETS);
  }
  reader.leave(end);
  return identities;
}

function readBinders(reader: VectorReader, identities: readonly Uint8Array[]): OfferedPsk[] {
  const psks: OfferedPsk[] = [];
  const end = reader.enter(2);
  for (const identity of identities) {
    if (reader.left > 0) psks.push({ identity, binder: reader.vector(1) });
  }
  if (psks.length < identities.length || reader.left > 0) {
    throw reader.malformed('each identity has one binder');
  }
  reader.leave(end);
  return psks;
}

const HEADER_OCTETS = 4;
const VERSION_OCTETS = 2;
const RANDOM_OCTETS = 32;
const AGE_OCTETS = 4;
const EXTENSION = { serverName: 0, preSharedKey: 41, supportedVersions: 43 } as const;
const TLS13 = 0x0304;
/** A hello of 4 KiB has room for a thousand; each is compared with all before it. */
const MOST_EXTENSIONS = 64;
const NO_PSKS: readonly OfferedPsk[] = [];
/** PSK_MAX_IDENTITY_LEN of OpenSSL. */
const LONGEST_IDENTITY = 256;
