/** WSP Push, connectionless: what carries a GPI inside SMS (TS 24.109 J.2; WAP-230-WSP 8.2.4.1, 8.4). */
import { concat, EMPTY, uintBytes, utf8Bytes, view } from '../lib/bytes.ts';
import { FieldReader, type NoteField } from './fields.ts';

/** The media type of a GPI envelope (TS 24.109 J.2.1). */
export const GPI_MEDIA_TYPE = 'application/vnd.3gpp.gba.gpi';

/** A name as text, or the number that a registry gives it. */
export type WspName = string | number;

export interface WapPush {
  /** 0 to 255. */
  readonly transactionId: number;
  readonly contentType: WspName;
  /** X-WAP-Application-ID: which program it is for. */
  readonly applicationId?: WspName | undefined;
  readonly body: Uint8Array;
}

/** @throws RangeError for a transaction id or a code that is no integer in its range, or text that is not ASCII. */
export function encodeWapPush(push: WapPush): Uint8Array {
  const { transactionId, contentType, applicationId, body } = push;
  const headers = concat(
    encodeContentType(contentType),
    applicationId === undefined
      ? EMPTY
      : concat(uintBytes(SHORT | APPLICATION_ID, 1), encodeName(applicationId)),
  );
  return concat(
    uintBytes(transactionId, 1),
    uintBytes(PUSH, 1),
    encodeUintvar(headers.length),
    headers,
    body,
  );
}

/** @throws CodecError ERR_WSP_MALFORMED. */
export function decodeWapPush(octets: Uint8Array): WapPush {
  return readWapPush(wapPushReader(octets));
}

/** A reader for `readWapPush` that tells `note` of every field, counting from `base`. */
export function wapPushReader(octets: Uint8Array, note?: NoteField, base = 0): FieldReader {
  return new FieldReader(octets, { code: 'ERR_WSP_MALFORMED', what: 'the WAP push', note, base });
}

/** As `decodeWapPush`; the last field that is read is the body. */
export function readWapPush(reader: FieldReader): WapPush {
  const transactionId = reader.uint('transaction id');
  if (reader.uint('PDU type') !== PUSH) throw reader.malformed('a connectionless push has type 06');
  const headers = reader.part('headers', readUintvar(reader, 'HeadersLen'));
  const contentType = readContentType(headers);
  const applicationId = readApplicationId(headers);
  return { transactionId, contentType, applicationId, body: reader.rest('body') };
}

/** What a field `Content-Type` or `X-WAP-Application-ID` says. @throws CodecError ERR_WSP_MALFORMED. */
export function decodeName(octets: Uint8Array): WspName {
  return readName(wapPushReader(octets), 'name');
}

/** Content-general-form only for what neither one octet nor text can say (8.4.2.24). */
function encodeContentType(type: WspName): Uint8Array {
  const name = encodeName(type);
  return typeof type === 'number' && type > 0x7f ? concat(uintBytes(name.length, 1), name) : name;
}

/** Short-integer, Long-integer or text with its NUL (8.4.2.1, 8.4.2.3). */
function encodeName(name: WspName): Uint8Array {
  if (typeof name === 'string') {
    if (!/^[\x20-\x7e]+$/.test(name)) throw new RangeError('a name in WSP is printable ASCII');
    return concat(utf8Bytes(name), NUL);
  }
  if (!Number.isInteger(name) || name < 0 || name > 0xffff_ffff) {
    throw new RangeError(`a code in WSP is an integer of 32 bits, not ${name}`);
  }
  if (name <= 0x7f) return uintBytes(SHORT | name, 1);
  const octets = Math.ceil((32 - Math.clz32(name)) / 8);
  return concat(uintBytes(octets, 1), uintBytes(name, octets));
}

function readContentType(reader: FieldReader): WspName {
  if (!isValueLength(reader.peek())) return readName(reader, 'Content-Type');
  const media = reader.part('Content-Type', readValueLength(reader, 'Content-Type length'));
  const type = readName(media, 'Content-Type');
  if (media.left > 0) media.rest('Content-Type parameters');
  return type;
}

/** Walks all headers: each says by its first octets where it ends (8.4.1.1, 8.4.1.2). */
function readApplicationId(headers: FieldReader): WspName | undefined {
  let found: WspName | undefined;
  let page = 1;
  while (headers.left > 0) {
    const first = headers.peek() ?? 0;
    if (first === SHIFT) [, page = 1] = headers.take('header code page', 2);
    else if (first < 0x20) page = headers.uint('header code page');
    else if (first === (SHORT | APPLICATION_ID) && page === 1) {
      headers.take('header name', 1);
      found = readName(headers, 'X-WAP-Application-ID');
    } else {
      if (first >= SHORT) headers.take('header name', 1);
      else headers.through('header name', 0);
      skipValue(headers);
    }
  }
  return found;
}

function skipValue(reader: FieldReader): void {
  const first = reader.peek();
  if (isValueLength(first)) {
    reader.take('header value', readValueLength(reader, 'header value length'));
  } else if (first !== undefined && first < SHORT) reader.through('header value', 0);
  else reader.take('header value', 1);
}

function readName(reader: FieldReader, name: string): WspName {
  const first = reader.peek();
  if (first === undefined || first >= SHORT) return reader.uint(name) & ~SHORT;
  if (first >= 0x20) {
    const text = reader.through(name, 0).subarray(first === QUOTE ? 1 : 0, -1);
    return view(text).toString('latin1');
  }
  const octets = reader.take(name, 1 + first).subarray(1);
  if (first < 1 || first > 4) throw reader.malformed('a code here is an integer of 1 to 4 octets');
  return view(octets).readUIntBE(0, first);
}

/** Value-length: one octet up to 30, or 31 and a uintvar (8.4.2.2). */
function readValueLength(reader: FieldReader, name: string): number {
  if (reader.peek() !== LENGTH_QUOTE) return reader.uint(name);
  reader.take('length quote', 1);
  return readUintvar(reader, name);
}

function isValueLength(first: number | undefined): boolean {
  return first !== undefined && first <= LENGTH_QUOTE;
}

/** 7 bits in an octet, the highest first; bit 7 set in all but the last (8.1.2). */
function readUintvar(reader: FieldReader, name: string): number {
  let octets = 1;
  while (octets < 5 && ((reader.peek(octets - 1) ?? 0) & SHORT) !== 0) octets += 1;
  const read = reader.take(name, octets);
  const value = read.reduce((sum, octet) => sum * 128 + (octet & ~SHORT), 0);
  const ended = ((read.at(-1) ?? 0) & SHORT) === 0;
  if (!ended || value > 0xffff_ffff) throw reader.malformed('a length in WSP has 32 bits');
  return value;
}

function encodeUintvar(value: number): Uint8Array {
  const octets = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) octets.unshift(SHORT | (rest & 0x7f));
  return Uint8Array.from(octets);
}

const PUSH = 0x06;
/** Bit 7: a one-octet integer or a header's number; in a uintvar, more follows. */
const SHORT = 0x80;
const APPLICATION_ID = 0x2f;
const SHIFT = 0x7f;
const QUOTE = 0x7f;
const LENGTH_QUOTE = 31;
const NUL = Uint8Array.of(0);
