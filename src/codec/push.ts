/** The push resources over CoAP (docs/wire.md): `PUT /push/<id>`, `POST /.push`, `DELETE /.push`. */
import { CodecError } from '../errors.ts';
import { parsePushId, type PushId } from '../ids.ts';
import { EMPTY, utf8Bytes, utf8Text } from '../lib/bytes.ts';
import {
  CODE,
  findQuery,
  findUint,
  NO_OPTIONS,
  OPTION,
  pathSegments,
  queryOption,
  stringOption,
  uintOption,
  unrecognisedCritical,
  type CoapMessage,
  type CoapOption,
} from './coap.ts';

/** RFC 8030 5.3, least urgent first; on the wire `u=0` to `u=3`. */
export const URGENCIES = ['very-low', 'low', 'normal', 'high'] as const;
export type Urgency = (typeof URGENCIES)[number];

/** Content-Format of a payload that nobody described: application/octet-stream (RFC 7252 12.3). */
export const OCTET_STREAM = 42;
/** Content-Format text/plain; charset=utf-8. */
export const TEXT_PLAIN = 0;

export interface PushMessage {
  readonly id: PushId;
  readonly urgency: Urgency;
  /** How long the push is of use, whole seconds from when it is sent. */
  readonly ttlSeconds: number;
  /** Rises with every push to one UE; order within an urgency follows it. */
  readonly seq: number;
  /** CoAP Content-Format number, 0 to 65535. */
  readonly contentFormat: number;
  readonly payload: Uint8Array;
}

/** What a UE says to a push. */
export type PushAnswer =
  | { readonly kind: 'handled' | 'handled-before' | 'refused' | 'conflict' | 'interrupted' }
  | { readonly kind: 'not-now'; readonly afterMs: number };

/** A message without its token: the channel gives that. */
export type CoapBody = Omit<CoapMessage, 'token'>;

const INTERRUPTED = utf8Bytes('interrupted');
/** RFC 7252 5.10.5. */
const DEFAULT_MAX_AGE_SECONDS = 60;
const RETRY_MS = 1_000;
/** Critical options that a push may have; Uri-Host and Uri-Port are what a client adds by itself. */
const KNOWN = new Set<number>([
  OPTION.URI_PATH,
  OPTION.URI_QUERY,
  OPTION.URI_HOST,
  OPTION.URI_PORT,
]);

const PATH_PUSH = stringOption(OPTION.URI_PATH, 'push');
const PATH_REGISTRATION = stringOption(OPTION.URI_PATH, '.push');
/** Made once: a push is encoded many thousand times a second. */
const URGENCY_QUERIES = {
  'very-low': queryOption('u', 0),
  low: queryOption('u', 1),
  normal: queryOption('u', 2),
  high: queryOption('u', 3),
} satisfies Record<Urgency, CoapOption>;

/** `PUT /push/<id>?u=<urgency>&ttl=<s>&seq=<n>`. */
export function pushRequest(push: PushMessage): CoapBody {
  return {
    code: CODE.PUT,
    options: [
      PATH_PUSH,
      stringOption(OPTION.URI_PATH, push.id),
      uintOption(OPTION.CONTENT_FORMAT, push.contentFormat),
      URGENCY_QUERIES[push.urgency],
      queryOption('ttl', push.ttlSeconds),
      queryOption('seq', push.seq),
    ],
    payload: push.payload,
  };
}

/** True for a `PUT` below `/push`. */
export function isPush(message: CoapMessage): boolean {
  return message.code === CODE.PUT && pathSegments(message.options)[0] === 'push';
}

/** @throws CodecError ERR_COAP_MALFORMED, ERR_ID_MALFORMED. */
export function parsePushRequest(message: CoapMessage): PushMessage {
  if (unrecognisedCritical(message.options, KNOWN) !== undefined) {
    malformed('a critical option that is unknown here');
  }
  const { options, payload } = message;
  const [, id = '', ...more] = pathSegments(options);
  if (more.length > 0) malformed('more than an id below /push');
  const contentFormat = findUint(options, OPTION.CONTENT_FORMAT) ?? OCTET_STREAM;
  if (contentFormat > 0xffff) malformed('a Content-Format of more than 16 bits');
  const urgency = URGENCIES[wholeNumber(message, 'u', URGENCIES.indexOf('normal'))];
  if (urgency === undefined) malformed('u= outside 0 to 3');
  return {
    id: parsePushId(id),
    urgency,
    ttlSeconds: wholeNumber(message, 'ttl', 0),
    seq: wholeNumber(message, 'seq', 0),
    contentFormat,
    payload,
  };
}

/** The answer table of docs/wire.md, from the UE's side. */
export function pushAnswer(answer: PushAnswer): CoapBody {
  switch (answer.kind) {
    case 'handled':
      return bare(CODE.CREATED);
    case 'handled-before':
      return bare(CODE.CHANGED);
    case 'refused':
      return bare(CODE.BAD_REQUEST);
    case 'conflict':
      return bare(CODE.CONFLICT);
    case 'interrupted':
      return { code: CODE.INTERNAL_SERVER_ERROR, options: NO_OPTIONS, payload: INTERRUPTED };
    case 'not-now': {
      const seconds = Math.min(Math.ceil(answer.afterMs / 1_000), 0xffff_ffff);
      return {
        code: CODE.SERVICE_UNAVAILABLE,
        options: [uintOption(OPTION.MAX_AGE, seconds)],
        payload: EMPTY,
      };
    }
  }
}

/** The answer table of docs/wire.md, from the NAF's side. @throws CodecError ERR_COAP_MALFORMED. */
export function parsePushAnswer(message: CoapMessage): PushAnswer {
  switch (message.code) {
    case CODE.CREATED:
      return { kind: 'handled' };
    case CODE.CHANGED:
      return { kind: 'handled-before' };
    case CODE.CONFLICT:
      return { kind: 'conflict' };
    case CODE.TOO_MANY_REQUESTS:
    case CODE.SERVICE_UNAVAILABLE: {
      const maxAge = findUint(message.options, OPTION.MAX_AGE) ?? DEFAULT_MAX_AGE_SECONDS;
      return { kind: 'not-now', afterMs: maxAge * 1_000 };
    }
    case CODE.INTERNAL_SERVER_ERROR:
      if (utf8Text(message.payload) === 'interrupted') return { kind: 'interrupted' };
      return { kind: 'not-now', afterMs: RETRY_MS };
    default:
      return message.code >> 5 === 5 ? { kind: 'not-now', afterMs: RETRY_MS } : { kind: 'refused' };
  }
}

/** `POST /.push?mode=put&at=<trigger address>`: how the UE takes pushes, and where triggers reach it now. */
export function registration(triggerAddress: string | undefined): CoapBody {
  const at = triggerAddress === undefined ? [] : [queryOption('at', triggerAddress)];
  return {
    code: CODE.POST,
    options: [PATH_REGISTRATION, queryOption('mode', 'put'), ...at],
    payload: EMPTY,
  };
}

/** The registration in a message, or undefined when it is another request. */
export function parseRegistration(message: CoapMessage): { mode: string; at?: string } | undefined {
  if (message.code !== CODE.POST || !isRegistrationPath(message)) return undefined;
  const at = findQuery(message.options, 'at');
  return { mode: findQuery(message.options, 'mode') ?? '', ...(at === undefined ? {} : { at }) };
}

/** `DELETE /.push`: the NAF ends the association for good; the UE forgets its key. */
export const FORGET: CoapBody = { code: CODE.DELETE, options: [PATH_REGISTRATION], payload: EMPTY };

export function isForget(message: CoapMessage): boolean {
  return message.code === CODE.DELETE && isRegistrationPath(message);
}

/** An answer without options or payload. */
export function bare(code: number): CoapBody {
  return { code, options: NO_OPTIONS, payload: EMPTY };
}

function isRegistrationPath(message: CoapMessage): boolean {
  const path = pathSegments(message.options);
  return path.length === 1 && path[0] === '.push';
}

function wholeNumber(message: CoapMessage, name: string, otherwise: number): number {
  const text = findQuery(message.options, name);
  if (text === undefined) return otherwise;
  if (!/^\d{1,15}$/.test(text)) malformed(`${name}= is no whole number`);
  return Number(text);
}

function malformed(what: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', `a push with ${what}`);
}
