/** What a ClientHello says of versions, names and pre-shared keys (RFC 8446 4.1.2, RFC 6066 3). */
import { FieldReader } from '../codec/fields.ts';
import { CodecError } from '../errors.ts';
import { utf8Text, view } from '../lib/bytes.ts';

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
 * Reads a whole ClientHello with its header. @throws CodecError for everything that OpenSSL may read
 * in another way: an extension that comes twice, one after pre_shared_key, octets left over.
 */
export function decodeClientHello(message: Uint8Array): ClientHello {
  const reader = new FieldReader(message, SOURCE);
  reader.take('header', 4);
  reader.take('legacy_version', 2);
  reader.take('random', 32);
  vector(reader, 'legacy_session_id', 1);
  vector(reader, 'cipher_suites', 2);
  vector(reader, 'legacy_compression_methods', 1);
  let hello: ClientHello = {
    offersTls13: false,
    serverName: undefined,
    psks: [],
    truncated: message,
  };
  if (reader.left === 0) return hello;
  const extensions = vector(reader, 'extensions', 2);
  reader.end();
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.uint('extension type', 2);
    if (seen.has(type)) throw extensions.malformed(`extension ${type} comes twice`);
    if (seen.has(EXTENSION.preSharedKey)) throw extensions.malformed('pre_shared_key is not last');
    seen.add(type);
    const body = vector(extensions, 'extension', 2);
    if (type === EXTENSION.serverName) hello = { ...hello, serverName: readServerName(body) };
    if (type === EXTENSION.supportedVersions) hello = { ...hello, offersTls13: readVersions(body) };
    if (type === EXTENSION.preSharedKey) hello = { ...hello, ...readPsks(body, message) };
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
function readServerName(body: FieldReader): string {
  const list = vector(body, 'server_name_list', 2);
  body.end();
  const type = list.uint('name_type');
  const name = view(vector(list, 'host_name', 2).rest('host_name')).toString('latin1');
  list.end();
  if (type !== 0 || !/^[\x21-\x7e]{1,255}$/.test(name)) throw list.malformed('no host_name');
  return name;
}

function readVersions(body: FieldReader): boolean {
  const list = vector(body, 'versions', 1);
  body.end();
  let offersTls13 = false;
  while (list.left > 0) offersTls13 = list.uint('version', 2) === TLS13 || offersTls13;
  return offersTls13;
}

function readPsks(body: FieldReader, message: Uint8Array): Pick<ClientHello, 'psks' | 'truncated'> {
  const identities: Uint8Array[] = [];
  const binders: Uint8Array[] = [];
  const list = vector(body, 'identities', 2);
  while (list.left > 0) {
    identities.push(vector(list, 'identity', 2).rest('identity'));
    list.take('obfuscated_ticket_age', 4);
  }
  const truncated = message.subarray(0, body.offset);
  const proofs = vector(body, 'binders', 2);
  body.end();
  while (proofs.left > 0) binders.push(vector(proofs, 'binder', 1).rest('binder'));
  const psks = identities.flatMap((identity, i): OfferedPsk[] => {
    const binder = binders[i];
    return binder ? [{ identity, binder }] : [];
  });
  if (psks.length !== identities.length || psks.length !== binders.length) {
    throw new CodecError(SOURCE.code, 'each identity has one binder');
  }
  return { psks, truncated };
}

/** A field with its length, of 1 or 2 octets, before it. */
export function vector(reader: FieldReader, name: string, lengthOctets: 1 | 2): FieldReader {
  return reader.part(name, reader.uint(`length of ${name}`, lengthOctets));
}

const SOURCE = { code: 'ERR_CHANNEL_PROTOCOL', what: 'the ClientHello' } as const;
const EXTENSION = { serverName: 0, preSharedKey: 41, supportedVersions: 43 } as const;
const TLS13 = 0x0304;
/** PSK_MAX_IDENTITY_LEN of OpenSSL. */
const LONGEST_IDENTITY = 256;
