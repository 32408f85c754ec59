/** The one key that a connection may have, and the proof that TLS has used it. */
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../codec/address.ts';
import { ChannelError, GbaError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import type { TlsVersion } from '../lib/suites.ts';
import { lookUp, type Ask, type Wait } from './lookup.ts';

/** The key of an identity under a version. */
export interface Grant {
  readonly identity: string;
  readonly version: TlsVersion;
  /** A copy, which its connection owns and wipes. */
  readonly key: Uint8Array;
  /** Why the key is a decoy. */
  readonly fault: GbaError | undefined;
}

export interface AnswerRules {
  readonly lookup: Ask;
  /** `local`: a TLS 1.2 handshake is not held, so its key is looked up when TLS asks. */
  readonly tls12Keys: 'remote' | 'local';
  /** A key that nobody has, and always the same one for an identity. */
  readonly decoyOf: (identity: string) => Uint8Array;
}

/** What TLS gets when it asks for a key, and what a complete handshake proves. */
export class KeyAnswer {
  readonly remote: Endpoint;
  /** What the hello names; lookups are for it alone. */
  serverName: string | undefined;
  readonly #rules: AnswerRules;
  #grant: Grant | undefined;
  #isTaken = false;
  #verdict: string | GbaError | undefined;

  constructor(rules: AnswerRules, remote: Endpoint) {
    this.#rules = rules;
    this.remote = remote;
  }

  /** The identity that the peer has proved by a complete handshake, or why it has proved none so far. */
  get verdict(): string | GbaError {
    return this.#verdict ?? (this.#isTaken ? (this.#grant?.fault ?? NOT_PROVED) : TOOK_NONE);
  }

  /** What a search has found. */
  give(grant: Grant): void {
    this.#grant = grant;
  }

  /**
   * For the identity that TLS sees. Only one that was looked up, under its own version, has a key;
   * everyone else gets a decoy. Null lets OpenSSL go on to the next entry of a hello: it shows
   * tickets here too, cut at their first NUL.
   */
  keyFor(identity: string, protocol: string | null): Uint8Array | null {
    const { tls12Keys, decoyOf } = this.#rules;
    if (this.#verdict !== undefined) return decoyOf(identity);
    if (protocol === 'TLSv1.2' && tls12Keys === 'local') this.#grant ??= this.#lookUpNow(identity);
    const grant = this.#grant;
    if (grant === undefined || protocol !== `TLSv${grant.version}`) return decoyOf(identity);
    if (grant.identity !== identity) return grant.version === '1.3' ? null : decoyOf(identity);
    this.#isTaken = true;
    return grant.key;
  }

  /** The handshake is complete. It is judged once, here; another one on this connection gets no key. */
  secure(socket: TLSSocket): void {
    this.#verdict = this.#judge(socket);
    this.end();
  }

  /** Nobody asks any more. */
  end(): void {
    if (this.#grant === undefined) return;
    wipe(this.#grant.key);
    this.#grant = undefined;
  }

  #judge(socket: TLSSocket): string | GbaError {
    const grant = this.#grant;
    if (grant === undefined || !this.#isTaken) return TOOK_NONE;
    if (grant.fault !== undefined) return grant.fault;
    if (socket.getProtocol() !== `TLSv${grant.version}`) return policyFault('TLS version');
    if ((socket.servername || undefined) !== this.serverName) return policyFault('server name');
    return grant.version === '1.2' || usedExternalKey(socket) ? grant.identity : policyFault('key');
  }

  /** The decoy is made in every case: TLS answers at once here, and its cost would tell who is known. */
  #lookUpNow(identity: string): Grant {
    const decoy = this.#rules.decoyOf(identity);
    const { remote, serverName } = this;
    const request = { identity, version: '1.2', suite: undefined, serverName, remote } as const;
    const found = lookUp(this.#rules.lookup, request, NO_WAIT);
    const isKey = found instanceof Uint8Array;
    const fault = found instanceof GbaError ? found : NOT_LOCAL;
    return { ...request, key: isKey ? found : decoy, fault: isKey ? undefined : fault };
  }
}

/**
 * OpenSSL calls an external key a reused session too. A callback's key is bound to SHA-256: under a
 * SHA-384 suite the session that was reused is a ticket (RFC 8446 4.2.11).
 */
function usedExternalKey(socket: TLSSocket): boolean {
  return socket.isSessionReused() && socket.getCipher().name.endsWith('_SHA256');
}

function policyFault(what: string): ChannelError {
  const why = `the handshake has another ${what} than the lookup`;
  return new ChannelError('ERR_CHANNEL_POLICY', why);
}

/** TLS never asked, or for another identity: a resumption, a certificate, a connection past the gate. */
export const TOOK_NONE = new ChannelError('ERR_CHANNEL_POLICY', 'this handshake took no key');
const NOT_PROVED = new ChannelError('ERR_CHANNEL_REFUSED', 'the client has not proved the key');
const NOT_LOCAL = new ChannelError(
  'ERR_CHANNEL_POLICY',
  'its key is not at hand, and TLS 1.2 does not wait for it here',
);
const NO_WAIT: Wait = {
  get signal() {
    return AbortSignal.abort(NOT_LOCAL);
  },
  onOver() {
    throw NOT_LOCAL;
  },
};
