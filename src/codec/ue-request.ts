/** What a UE asks of the NAF: pushes by PUT, or as notifications of `/push` (RFC 7641; docs/wire.md). */
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';
import { blockOption, readBlock, type Block } from './block.ts';
import { CODE, requireMethod, requireRecognised, type CoapMessage } from './coap.ts';
import { NO_OPTIONS, OPTION, uintOption, type CoapOption } from './coap-option.ts';
import { findOption, findUint, pathSegments } from './option-values.ts';
import { bare, OCTET_STREAM, parseRegistration, type CoapBody } from './push.ts';

export type UeRequest =
  /** `POST /.push?mode=put`; `at` is where triggers reach the UE. */
  | { readonly kind: 'take-puts'; readonly at?: string }
  /** `GET /push` with Observe 0: a plain CoAP client registers, and may want blocks of a size. */
  | { readonly kind: 'observe'; readonly contentFormat: number; readonly exponent?: number }
  /** `GET /push` with Block2: the next block of the push that was notified last (RFC 7959 2.4). */
  | { readonly kind: 'read'; readonly block: Block }
  /** `GET /push` with Observe 1: it no longer wants notifications under this token. */
  | { readonly kind: 'cancel' }
  /** Anything else, and what it is answered. */
  | { readonly kind: 'none'; readonly answer: CoapBody };

/** The answer to `GET /push` with Observe 1: between pushes the resource is empty. */
export const NOTHING_NOW = bare(CODE.CONTENT);

/**
 * Reads any request. @throws CodecError ERR_COAP_MALFORMED when an option that matters cannot be read, a
 * RequestError for a method or a critical option that is known nowhere here.
 */
export function parseUeRequest(message: CoapMessage): UeRequest {
  const { code, options } = message;
  requireRecognised(options, RECOGNISED);
  requireMethod(code);
  const [resource, ...below] = pathSegments(options);
  if (below.length > 0 || (resource !== 'push' && resource !== '.push')) {
    return none(CODE.NOT_FOUND);
  }
  if (resource === 'push') return code === CODE.GET ? observe(message) : none(NOT_ALLOWED);
  const registration = parseRegistration(message);
  if (registration === undefined) return none(NOT_ALLOWED);
  const { mode, at } = registration;
  if (mode !== 'put') return none(CODE.BAD_REQUEST, 'the only mode is put');
  return { kind: 'take-puts', ...(at !== undefined && { at }) };
}

export interface NotificationOptions {
  /** As the registration fixed it: a client expects one format for all (RFC 7641 4.2). */
  readonly contentFormat: number;
  /** Rises from one to the next and starts again after 2^24 - 1. */
  readonly sequence: number;
  /** How long the payload is of use. */
  readonly maxAgeSeconds: number;
  /** The payload is but the first block of a body. */
  readonly part?: BodyPart;
}

/** Which block of which body a payload is. */
export interface BodyPart {
  readonly block: Block;
  /** Tells bodies apart, 1 to 8 octets. */
  readonly etag: Uint8Array;
  /** Octets of the whole. */
  readonly size: number;
}

/** 2.05 with Observe (RFC 7641 4.2). The first, without payload, answers the registration and is no push. */
export function notification(
  payload: Uint8Array,
  { contentFormat, sequence, maxAgeSeconds, part }: NotificationOptions,
): CoapBody {
  return {
    code: CODE.CONTENT,
    options: [
      ...etagOf(part),
      uintOption(OPTION.OBSERVE, sequence & 0xff_ffff),
      uintOption(OPTION.CONTENT_FORMAT, contentFormat),
      uintOption(OPTION.MAX_AGE, Math.min(maxAgeSeconds, 0xffff_ffff)),
      ...blockOf(part),
    ],
    payload,
  };
}

/** 2.05 with a later block of what was notified. */
export function laterBlock(
  payload: Uint8Array,
  { contentFormat, part }: Pick<NotificationOptions, 'contentFormat'> & { readonly part: BodyPart },
): CoapBody {
  return {
    code: CODE.CONTENT,
    options: [...etagOf(part), uintOption(OPTION.CONTENT_FORMAT, contentFormat), ...blockOf(part)],
    payload,
  };
}

function etagOf(part: BodyPart | undefined): CoapOption[] {
  return part === undefined ? [] : [{ number: OPTION.ETAG, value: part.etag }];
}

function blockOf(part: BodyPart | undefined): CoapOption[] {
  if (part === undefined) return [];
  return [blockOption(OPTION.BLOCK2, part.block), uintOption(OPTION.SIZE2, part.size)];
}

/** Observe is elective: with another value it says nothing, and the request is a plain GET (RFC 7252 5.4.1). */
function observe({ options }: CoapMessage): UeRequest {
  const wanted = findOption(options, OPTION.BLOCK2);
  const block = wanted && readBlock(wanted);
  const value = findUint(options, OPTION.OBSERVE, 3);
  // The later blocks are no registration, whatever else their requests repeat of it.
  if (block !== undefined && (block.number > 0 || value === undefined)) {
    return { kind: 'read', block };
  }
  if (value === 1) return { kind: 'cancel' };
  if (value !== 0) return none(NOT_ALLOWED, 'GET /push needs Observe');
  const contentFormat = findUint(options, OPTION.ACCEPT) ?? OCTET_STREAM;
  return { kind: 'observe', contentFormat, ...(block && { exponent: block.exponent }) };
}

function none(code: number, diagnostic = ''): UeRequest {
  const payload = diagnostic === '' ? EMPTY : utf8Bytes(diagnostic);
  return { kind: 'none', answer: { code, options: NO_OPTIONS, payload } };
}

const NOT_ALLOWED = CODE.METHOD_NOT_ALLOWED;
/** The critical options that are understood; a NAF serves one host and port, whatever the client calls it. */
const RECOGNISED: ReadonlySet<number> = new Set([
  OPTION.URI_HOST,
  OPTION.URI_PORT,
  OPTION.URI_PATH,
  OPTION.URI_QUERY,
  OPTION.ACCEPT,
  OPTION.BLOCK2,
]);
