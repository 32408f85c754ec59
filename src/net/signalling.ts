/** The five signals of CoAP over TCP: building them, and reading what a peer says in them (RFC 8323 5). */
import { CODE, type CoapMessage } from '../codec/coap.ts';
import {
  SIGNAL_OPTION,
  NO_OPTIONS,
  emptyOption,
  uintOption,
  type CoapOption,
} from '../codec/coap-option.ts';
import { findOption, findUint, unrecognisedCritical } from '../codec/option-values.ts';
import { CodecError } from '../errors.ts';
import { EMPTY, utf8Bytes, view } from '../lib/bytes.ts';

/** What a peer accepts until it has said otherwise, octets (RFC 8323 5.3.1). */
export const BASE_MAX_MESSAGE_SIZE = 1152;

/** A peer that accepts less could not take even our shortest answers. */
const LEAST_MAX_MESSAGE_SIZE = 64;

/** A peer sent something that ends the connection; `badCsmOption` goes into the Abort. */
export class SignalError extends CodecError {
  readonly badCsmOption: number | undefined;

  constructor(message: string, badCsmOption?: number) {
    super('ERR_COAP_MALFORMED', message);
    this.badCsmOption = badCsmOption;
  }
}

/** Capabilities and Settings: what we accept. Above 1,152 octets the second option offers BERT too (RFC 8323 5.3.2). */
export function csm(maxMessageSize: number): CoapMessage {
  return signal(CODE.CSM, [
    uintOption(SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE, maxMessageSize),
    emptyOption(SIGNAL_OPTION.CSM_BLOCK_WISE_TRANSFER),
  ]);
}

/** With Custody it asks for a Pong with Custody, and not before that can be given. */
export function ping(token: Uint8Array, custody: boolean): CoapMessage {
  return { code: CODE.PING, token, options: custodyOption(custody), payload: EMPTY };
}

/** With Custody it says that everything before the Ping has been processed. */
export function pong(token: Uint8Array, custody: boolean): CoapMessage {
  return { code: CODE.PONG, token, options: custodyOption(custody), payload: EMPTY };
}

export function release(diagnostic = '', holdOffSeconds = 0): CoapMessage {
  const holdOff = uintOption(SIGNAL_OPTION.RELEASE_HOLD_OFF, holdOffSeconds);
  return signal(CODE.RELEASE, holdOffSeconds > 0 ? [holdOff] : NO_OPTIONS, diagnostic);
}

export function abort(diagnostic: string, badCsmOption?: number): CoapMessage {
  const options =
    badCsmOption === undefined
      ? NO_OPTIONS
      : [uintOption(SIGNAL_OPTION.ABORT_BAD_CSM_OPTION, badCsmOption)];
  return signal(CODE.ABORT, options, diagnostic);
}

/** @throws SignalError for a critical option: none is defined for signals (RFC 8323 5.2). */
export function refuseCritical({ code, options }: CoapMessage): void {
  const number = unrecognisedCritical(options, NONE);
  if (number === undefined) return;
  throw new SignalError(
    `the critical option ${number} is not known in this signal`,
    code === CODE.CSM ? number : undefined,
  );
}

/** The size that a CSM states, when it does. @throws SignalError for fewer than 64 octets. */
export function statedMaxMessageSize({ options }: CoapMessage): number | undefined {
  const size = findUint(options, SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE);
  if (size === undefined || size >= LEAST_MAX_MESSAGE_SIZE) return size;
  throw new SignalError(
    `a Max-Message-Size below ${LEAST_MAX_MESSAGE_SIZE}`,
    SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE,
  );
}

/** A CSM that offers blocks (RFC 8323 5.3.2). */
export function offersBlocks({ options }: CoapMessage): boolean {
  return findOption(options, SIGNAL_OPTION.CSM_BLOCK_WISE_TRANSFER) !== undefined;
}

/** Of a Ping or a Pong (RFC 8323 5.4.1). */
export function hasCustody({ options }: CoapMessage): boolean {
  return findOption(options, SIGNAL_OPTION.PING_CUSTODY) !== undefined;
}

export interface ReleaseNotice {
  /** How long the peer asks us to stay away (RFC 8323 5.5). */
  readonly holdOffSeconds?: number;
  readonly diagnostic?: string;
}

export function readRelease({ options, payload }: CoapMessage): ReleaseNotice {
  const holdOffSeconds = findUint(options, SIGNAL_OPTION.RELEASE_HOLD_OFF, 3);
  const diagnostic = diagnosticText(payload);
  return {
    ...(holdOffSeconds !== undefined && { holdOffSeconds }),
    ...(diagnostic !== '' && { diagnostic }),
  };
}

/**
 * A peer's words for a log line: at most 200 characters, whatever could steer a terminal or split a
 * line is escaped. Never to be parsed.
 */
export function diagnosticText(payload: Uint8Array): string {
  const text = view(payload.subarray(0, 4 * MAX_DIAGNOSTIC)).toString('utf8');
  const safe = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return `\\u{${point.toString(16)}}`;
  });
  return Array.from(safe).slice(0, MAX_DIAGNOSTIC).join('');
}

function custodyOption(custody: boolean): readonly CoapOption[] {
  return custody ? CUSTODY : NO_OPTIONS;
}

function signal(code: number, options: readonly CoapOption[], diagnostic = ''): CoapMessage {
  return { code, token: EMPTY, options, payload: utf8Bytes(diagnostic) };
}

const MAX_DIAGNOSTIC = 200;
const CUSTODY: readonly CoapOption[] = [emptyOption(SIGNAL_OPTION.PING_CUSTODY)];
const NONE: ReadonlySet<number> = new Set();
