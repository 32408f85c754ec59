/** What the owner of the keys is asked, and what counts as an answer. */
import type { Endpoint } from '../codec/address.ts';
import { GbaError, SaError } from '../errors.ts';
import type { TlsVersion } from '../lib/suites.ts';

/** What a client says of itself before it has proved anything. */
export interface PskRequest {
  /** 1 to 256 octets of UTF-8 without NUL. A stranger chose them: newlines are possible. */
  readonly identity: string;
  readonly version: TlsVersion;
  /** The suite's IANA code in TLS 1.2; in TLS 1.3 it is chosen after the key. */
  readonly suite: number | undefined;
  /** The name in server_name, as it was sent. */
  readonly serverName: string | undefined;
  /** The host is empty where the connection has no address. */
  readonly remote: Endpoint;
}

/** 1 to 256 octets, which are copied at once; or nothing when nobody has this identity. */
export type FoundKey = Uint8Array | null | undefined;

/**
 * Gives the key of an identity: directly when it is at hand, else as a promise. The signal aborts when
 * nobody waits any more: the client is gone, the time is over, or, from the start, too many wait.
 */
export type PskLookup = (request: PskRequest, signal: AbortSignal) => FoundKey | Promise<FoundKey>;

/** Of those for whom a key is looked up. Whoever asks elsewhere reads `signal` or calls `onOver`: that takes a place. */
export interface Wait {
  /** Made when it is first read, within the lookup: most keys are at hand, and a signal costs as much as a hello. */
  readonly signal: AbortSignal;
  /**
   * The same for less: runs `action` when nobody waits any more. Once at most, within the lookup.
   * @throws GbaError at once when too many wait.
   */
  onOver(action: (reason: GbaError) => void): void;
}

/** A lookup that asks for its signal if it needs one. */
export type Ask = (request: PskRequest, wait: Wait) => FoundKey | Promise<FoundKey>;

/** A copy of the key, which is the caller's to wipe, or the reason why there is none. */
export type Answer = Uint8Array | GbaError;

/** Asks once; never throws, never rejects. */
export function lookUp(ask: Ask, request: PskRequest, wait: Wait): Answer | Promise<Answer> {
  try {
    const found = ask(request, wait);
    if (found == null || found instanceof Uint8Array) return keyOrFault(found);
    return Promise.resolve(found).then(keyOrFault, failed);
  } catch (error) {
    return failed(error);
  }
}

function keyOrFault(found: unknown): Answer {
  if (found == null) return new SaError('ERR_SA_UNKNOWN', 'nobody has the identity that it named');
  const isKey = found instanceof Uint8Array && found.length > 0 && found.length <= LONGEST_KEY;
  return isKey
    ? new Uint8Array(found)
    : failed(new TypeError(`a key is 1 to ${LONGEST_KEY} octets`));
}

function failed(cause: unknown): GbaError {
  if (cause instanceof GbaError) return cause;
  return new SaError('ERR_SA_UNKNOWN', 'the lookup of its key failed', { retryable: true, cause });
}

/** The longest that every OpenSSL of the supported Node.js versions takes. */
const LONGEST_KEY = 256;
