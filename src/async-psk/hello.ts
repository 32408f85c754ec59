/** What a ClientHello says of versions, names and pre-shared keys (RFC 8446 4.1.2, RFC 6066 3). */
import { CodecError } from '../errors.ts';
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
    psks: [] as OfferedPsk[],
    truncated: message,
  };
  if (reader.left === 0) return hello;
  const extensions = reader.vector(2);
  reader.end();
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.uint(2);
    if (seen.has(type)) throw extensions.malformed(`extension ${type} comes twice`);
    if (seen.has(EXTENSION.preSharedKey)) throw extensions.malformed('pre_shared_key is not last');
    seen.add(type);
    const body = extensions.vector(2);
    if (type === EXTENSION.serverName) hello.serverName = readServerName(body);
    if (type === EXTENSION.supportedVersions) hello.offersTls13 = readVersions(body);
    if (type === EXTENSION.preSharedKey) Object.assign(hello, readPsks(body, message));
  }
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
function readServerName(body: VectorReader): string {
  const list = body.vector(2);
  body.end();
  const type = list.uint(1);
  const name = view(list.vector(2).rest()).toString('latin1');
  list.end();
  if (type !== 0 || !/^[\x21-\x7e]{1,255}$/.test(name)) throw list.malformed('no host_name');
  return name;
}

function readVersions(body: VectorReader): boolean {
  const list = body.vector(1);
  body.end();
  let offersTls13 = false;
  while (list.left > 0) offersTls13 = list.uint(2) === TLS13 || offersTls13;
  return offersTls13;
}

function readPsks(
  body: VectorReader,
  message: Uint8Array,
): Pick<ClientHello, 'psks' | 'truncated'> {
  const identities: Uint8Array[] = [];
  const binders: Uint8Array[] = [];
  const list = body.vector(2);
  while (list.left > 0) {
    identities.push(list.vector(2).rest());
    list.skip(AGE_OCTETS);
  }
  const truncated = message.subarray(0, body.offset);
  const proofs = body.vector(2);
  body.end();
  while (proofs.left > 0) binders.push(proofs.vector(1).rest());
  const psks = identities.flatMap((identity, i): OfferedPsk[] => {
    const binder = binders[i];
    return binder ? [{ identity, binder }] : [];
  });
  if (psks.length !== identities.length || psks.length !== binders.length) {
    throw new CodecError('ERR_CHANNEL_PROTOCOL', 'each identity has one binder');
  }
  return { psks, truncated };
}

const HEADER_OCTETS = 4;
const VERSION_OCTETS = 2;
const RANDOM_OCTETS = 32;
const AGE_OCTETS = 4;
const EXTENSION = { serverName: 0, preSharedKey: 41, supportedVersions: 43 } as const;
const TLS13 = 0x0304;
/** PSK_MAX_IDENTITY_LEN of OpenSSL. */
const LONGEST_IDENTITY = 256;
