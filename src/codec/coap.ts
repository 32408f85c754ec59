/** CoAP messages and their codes (RFC 7252 3, 12.1; RFC 8323 5). */
import { CodecError } from '../errors.ts';
import { OPTION, type CoapOption, type OptionWriter, type OutgoingOption } from './coap-option.ts';
import { unrecognisedCritical } from './option-values.ts';

export interface CoapMessage {
  /** Class in the upper 3 bits, detail in the lower 5: 0x41 is 2.01. */
  readonly code: number;
  /** 0 to 8 octets. */
  readonly token: Uint8Array;
  /** In ascending order of their numbers. */
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** A message to be sent. */
export type OutgoingMessage = Omit<CoapMessage, 'options'> & {
  readonly options: readonly OutgoingOption[] | OptionWriter;
};

/** Requests, responses and signals by their registered names (RFC 7252 12.1, 7959, 8132, 8323, 8516). */
export const CODE = {
  EMPTY: 0x00,
  GET: 0x01,
  POST: 0x02,
  PUT: 0x03,
  DELETE: 0x04,
  CREATED: 0x41,
  DELETED: 0x42,
  VALID: 0x43,
  CHANGED: 0x44,
  CONTENT: 0x45,
  CONTINUE: 0x5f,
  BAD_REQUEST: 0x80,
  UNAUTHORIZED: 0x81,
  BAD_OPTION: 0x82,
  FORBIDDEN: 0x83,
  NOT_FOUND: 0x84,
  METHOD_NOT_ALLOWED: 0x85,
  NOT_ACCEPTABLE: 0x86,
  REQUEST_ENTITY_INCOMPLETE: 0x88,
  CONFLICT: 0x89,
  PRECONDITION_FAILED: 0x8c,
  REQUEST_ENTITY_TOO_LARGE: 0x8d,
  UNSUPPORTED_CONTENT_FORMAT: 0x8f,
  TOO_MANY_REQUESTS: 0x9d,
  INTERNAL_SERVER_ERROR: 0xa0,
  NOT_IMPLEMENTED: 0xa1,
  BAD_GATEWAY: 0xa2,
  SERVICE_UNAVAILABLE: 0xa3,
  GATEWAY_TIMEOUT: 0xa4,
  PROXYING_NOT_SUPPORTED: 0xa5,
  CSM: 0xe1,
  PING: 0xe2,
  PONG: 0xe3,
  RELEASE: 0xe4,
  ABORT: 0xe5,
} as const;

/** A request that cannot be served, whatever it is for; `answer` is the code that says so. */
export class RequestError extends CodecError {
  readonly answer: number;

  constructor(answer: number, why: string) {
    super('ERR_COAP_MALFORMED', why);
    this.answer = answer;
  }
}

/**
 * @throws RequestError 5.05 for a request to a proxy (RFC 7252 5.10.2), 4.02 for a critical option that is
 * not in `recognised`, or not as it should be.
 */
export function requireRecognised(
  options: readonly CoapOption[],
  recognised: ReadonlySet<number>,
): void {
  const number = unrecognisedCritical(options, recognised);
  if (number === undefined) return;
  if (options.some((option) => PROXY.has(option.number))) {
    throw new RequestError(CODE.PROXYING_NOT_SUPPORTED, 'this is no proxy');
  }
  throw new RequestError(CODE.BAD_OPTION, `option ${number} is not known here`);
}

/** @throws RequestError 4.05 for a method that no resource here has (RFC 7252 5.8, 8132). */
export function requireMethod(code: number): void {
  if (code <= CODE.DELETE) return;
  throw new RequestError(
    CODE.METHOD_NOT_ALLOWED,
    `the method ${formatCode(code)} is not known here`,
  );
}

const PROXY: ReadonlySet<number> = new Set([OPTION.PROXY_URI, OPTION.PROXY_SCHEME]);

/** Class 0 but not Empty (RFC 7252 12.1.1). */
export function isRequest(code: number): boolean {
  return code > 0 && code < 0x20;
}

/** Classes 2 to 5 (RFC 7252 12.1.2). */
export function isResponse(code: number): boolean {
  return code >= 0x40 && code < 0xc0;
}

/** Class 2. */
export function isSuccess(code: number): boolean {
  return code >>> 5 === 2;
}

/** Class 7 (RFC 8323 5.1). */
export function isSignal(code: number): boolean {
  return code >>> 5 === 7;
}

/** 0x41 -> `2.01`. */
export function formatCode(code: number): string {
  return `${code >>> 5}.${String(code & 0x1f).padStart(2, '0')}`;
}
