/** The push resources over CoAP (docs/wire.md): `PUT /push/<id>`, `POST /.push`, `DELETE /.push`. */
import { CodecError } from '../errors.ts';
import { parsePushId, type PushId } from '../ids.ts';
import { EMPTY, utf8Bytes, utf8Text } from '../lib/bytes.ts';
import {
  CODE,
  requireMethod,
  requireRecognised,
  type CoapMessage,
  type OutgoingMessage,
} from './coap.ts';
import {
  NO_OPTIONS,
  OPTION,
  queryOption,
  stringOption,
  uintOption,
  type CoapOption,
} from './coap-option.ts';
import {
  findQuery,
  findUint,
  hasKey,
  isCritical,
  isText,
  numberAfter,
  pathSegments,
  stringValue,
  uintWithin,
} from './option-values.ts';
import { PushOptions } from './push-options.ts';
import type { ReceivedMessage } from './received.ts';

/** RFC 8030 5.3, least urgent first; on the wire `u=0` to `u=3`. */
export const URGENCIES = ['very-low', 'low', 'normal', 'high'] as const;
/** How urgent a push is (RFC 8030 5.3): order holds within one urgency. */
export type Urgency = (typeof URGENCIES)[number];

/** Content-Format of a payload that nobody described: application/octet-stream (RFC 7252 12.3). */
export const OCTET_STREAM = 42;
/** Content-Format text/plain; charset=utf-8. */
export const TEXT_PLAIN = 0;

/** The longest payload that our UE takes, octets; one of more than 64 KiB comes in blocks. */
export const LONGEST_PUSH = 8 * 1_048_576;

/** A push as both ends know it. */
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
export type CoapBody = Omit<OutgoingMessage, 'token'>;

const INTERRUPTED = utf8Bytes('interrupted');
/** RFC 7252 5.10.5. */
const DEFAULT_MAX_AGE_SECONDS = 60;
const RETRY_MS = 1_000;
/** Host and port are what a client adds by itself, and say nothing here. */
const RECOGNISED: ReadonlySet<number> = new Set([
  OPTION.URI_HOST,
  OPTION.URI_PORT,
  OPTION.URI_PATH,
  OPTION.URI_QUERY,
]);

const PATH_REGISTRATION = stringOption(OPTION.URI_PATH, '.push');

/** `PUT /push/<id>?u=<urgency>&ttl=<s>&seq=<n>`; `ttlSeconds` is what is left of the push's own. */
export function pushRequest(push: PushMessage, ttlSeconds: number): CoapBody {
  return { code: CODE.PUT, options: new PushOptions(push, ttlSeconds), payload: push.payload };
}

/** The critical options that a push may have: one that is longer than a message comes in blocks. */
const RECOGNISED_IN_PUSH: ReadonlySet<number> = new Set([...RECOGNISED, OPTION.BLOCK1]);

/** @throws RequestError for a request that is not for this UE whatever it asks: 4.02, 4.05, 5.05. */
export function requirePlain({ code, options }: CoapMessage): void {
  requireRecognised(options, RECOGNISED);
  requireMethod(code);
}

/**
 * Reads a `PUT` below `/push`, in one pass; undefined for any other message.
 * @throws CodecError ERR_COAP_MALFORMED, ERR_ID_MALFORMED, a RequestError for a critical option.
 */
export function parsePush(message: ReceivedMessage): PushMessage | undefined {
  if (message.code !== CODE.PUT || !message.has(OPTION.URI_PATH)) return undefined;
  let segments = 0;
  let id = '';
  let contentFormat: number | undefined;
  let others = false;
  let u = URGENCIES.indexOf('normal');
  let ttlSeconds = 0;
  let seq = 0;
  const option = message.walk();
  while (option.next()) {
    const { number } = option;
    if (number === OPTION.URI_PATH) {
      segments += 1;
      if (segments === 1 && !isText(option, 'push')) return undefined;
      if (segments === 2) id = stringValue(option);
    } else if (number === OPTION.URI_QUERY) {
      if (hasKey(option, 'seq')) seq = wholeAfter(option, 'seq');
      else if (hasKey(option, 'ttl')) ttlSeconds = wholeAfter(option, 'ttl');
      else if (hasKey(option, 'u')) u = wholeAfter(option, 'u');
      else stringValue(option);
    } else if (number === OPTION.CONTENT_FORMAT) {
      contentFormat ??= uintWithin(option, 2) ?? OCTET_STREAM;
    } else if (isCritical(number)) {
      others = true;
    }
  }
  if (others) requireRecognised(message.options, RECOGNISED_IN_PUSH);
  const urgency = URGENCIES[u];
  if (segments > 2) malformed('more than an id below /push');
  if (urgency === undefined) malformed('u= outside 0 to 3');
  const { payload } = message;
  contentFormat ??= OCTET_STREAM;
  return { id: parsePushId(id), urgency, ttlSeconds, seq, contentFormat, payload };
}

const CREATED = bare(CODE.CREATED);

/** The answer table of docs/wire.md, from the UE's side. */
export function pushAnswer(answer: PushAnswer): CoapBody {
  switch (answer.kind) {
    case 'handled':
      return CREATED;
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

const HANDLED: PushAnswer = { kind: 'handled' };

/** The answer table of docs/wire.md, from the NAF's side. @throws CodecError ERR_COAP_MALFORMED. */
export function parsePushAnswer(message: CoapMessage): PushAnswer {
  switch (message.code) {
    case CODE.CREATED:
      return HANDLED;
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

function wholeAfter(option: CoapOption, key: string): number {
  const value = numberAfter(option, key);
  if (Number.isNaN(value)) malformed(`${key}= is no whole number`);
  return value;
}

function malformed(what: string): never {
  throw new CodecError('ERR_COAP_MALFORMED', `a push with ${what}`);
}
