/** A GPI inside an open layer, `POST /gpi`, and what the UE says to it (docs/wire.md). */
import { CodecError } from '../errors.ts';
import { EMPTY } from '../lib/bytes.ts';
import { CODE, requireRecognised, type CoapMessage } from './coap.ts';
import { NO_OPTIONS, OPTION, stringOption, uintOption } from './coap-option.ts';
import { findUint, pathSegments } from './option-values.ts';
import { bare, type CoapBody } from './push.ts';

/**
 * Content-Format of `application/vnd.3gpp.gba.gpi`, which has no registered number: this is one of the
 * range for experiments, 65,000 to 65,535 (RFC 7252 12.3), and the project's own choice.
 */
export const GPI_CONTENT_FORMAT = 65_223;

/** What a UE says to an offer. */
export type OfferAnswer =
  /** It holds the key, and dials. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused' }
  /** The SIM found SQN out of step: the AUTS message, octets of a peer, for `decodeAuts`. */
  | { readonly kind: 'out-of-step'; readonly message: Uint8Array }
  | { readonly kind: 'not-now'; readonly afterMs: number }
  /** It does not know the request. */
  | { readonly kind: 'unknown' };

/** `envelope` is what would travel as a datagram. */
export function offerRequest(envelope: Uint8Array): CoapBody {
  return { code: CODE.POST, options: OFFER_OPTIONS, payload: envelope };
}

/** True for any `POST /gpi`. */
export function isOffer({ code, options }: CoapMessage): boolean {
  if (code !== CODE.POST) return false;
  const path = pathSegments(options);
  return path.length === 1 && path[0] === 'gpi';
}

/** The envelope in it. @throws CodecError ERR_COAP_MALFORMED for another media type, a RequestError for a critical option. */
export function parseOffer({ options, payload }: CoapMessage): Uint8Array {
  requireRecognised(options, RECOGNISED);
  if (findUint(options, OPTION.CONTENT_FORMAT, 2) !== GPI_CONTENT_FORMAT) {
    throw malformed(`another Content-Format than ${GPI_CONTENT_FORMAT}`);
  }
  return payload;
}

/** The answer table of docs/wire.md, from the UE's side. */
export function offerAnswer(answer: OfferAnswer): CoapBody {
  switch (answer.kind) {
    case 'accepted':
      return bare(CODE.CHANGED);
    case 'refused':
      return bare(CODE.BAD_REQUEST);
    case 'out-of-step':
      return { code: CODE.CONFLICT, options: NO_OPTIONS, payload: answer.message };
    case 'not-now': {
      const seconds = uintOption(OPTION.MAX_AGE, Math.ceil(answer.afterMs / 1_000));
      return { code: CODE.SERVICE_UNAVAILABLE, options: [seconds], payload: EMPTY };
    }
    case 'unknown':
      return bare(CODE.NOT_FOUND);
  }
}

/** The same from the NAF's side; what makes no sense is a refusal. */
export function parseOfferAnswer({ code, options, payload }: CoapMessage): OfferAnswer {
  if (code >> 5 === 2) return { kind: 'accepted' };
  if (code === CODE.CONFLICT) return { kind: 'out-of-step', message: payload };
  if (code === CODE.TOO_MANY_REQUESTS || code >> 5 === 5) {
    const maxAge = findUint(options, OPTION.MAX_AGE) ?? DEFAULT_MAX_AGE_SECONDS;
    return { kind: 'not-now', afterMs: maxAge * 1_000 };
  }
  return { kind: UNKNOWN.has(code) ? 'unknown' : 'refused' };
}

function malformed(what: string): CodecError {
  return new CodecError('ERR_COAP_MALFORMED', `an offer of a key with ${what}`);
}

const OFFER_OPTIONS = [
  stringOption(OPTION.URI_PATH, 'gpi'),
  uintOption(OPTION.CONTENT_FORMAT, GPI_CONTENT_FORMAT),
];
const RECOGNISED: ReadonlySet<number> = new Set([
  OPTION.URI_HOST,
  OPTION.URI_PORT,
  OPTION.URI_PATH,
]);
const UNKNOWN: ReadonlySet<number> = new Set([
  CODE.NOT_FOUND,
  CODE.METHOD_NOT_ALLOWED,
  CODE.BAD_OPTION,
  CODE.UNSUPPORTED_CONTENT_FORMAT,
]);
/** RFC 7252 5.10.5. */
const DEFAULT_MAX_AGE_SECONDS = 60;
