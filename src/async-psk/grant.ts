/** The one key that a connection may have, and the proof that TLS has used it. */
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../codec/address.ts';
import { ChannelError, GbaError } from '../errors.ts';
import type { TlsVersion } from '../lib/suites.ts';
import { lookUp, type PskLookup } from './lookup.ts';

/** The key of an identity under a version. */
export interface Grant {
  readonly identity: string;
  readonly version: TlsVersion;
  readonly key: Uint8Array;
  /** Why the key is a decoy. */
  readonly fault: GbaError | undefined;
}

export interface AnswerRules {
  readonly lookup: PskLookup;
  /** `local`: a TLS 1.2 handshake is not held, so its key is looked up when TLS asks. */
  readonly tls12Keys: 'remote' | 'local';
  /** A key that nobody has, and always the same one for an identity. */
  readonly decoyOf: (identity: string) => Uint8Array;
}

/** What TLS gets when it asks for a key, and what a complete handshake proves. */
export class KeyAnswer {
  /** What a search has found. */
  grant: Grant | undefined;
  /** What the hello names; lookups are for it alone. */
  serverName: string | undefined;
  readonly #rules: AnswerRules;
  readonly #remote: Endpoint;
  #taken: Grant | undefined;
  #isSecured = false;

  constructor(rules: AnswerRules, remote: Endpoint) {
    this.#rules = rules;
    this.#remote = remote;
  }

  /**
   * For the identity that TLS sees. Only one that was looked up, under its own version, has a key;
   * everyone else gets a decoy, made in every case, so that its cost tells nothing. Null lets OpenSSL
   * go on to the next entry of a hello: it shows tickets here too, cut at their first NUL.
   */
  keyFor(identity: string, protocol: string | null): Uint8Array | null {
    const decoy = this.#rules.decoyOf(identity);
    if (this.#isSecured) return decoy;
    if (protocol === 'TLSv1.2' && this.#rules.tls12Keys === 'local') {
      this.grant ??= this.#lookUpNow(identity, decoy);
    }
    const { grant } = this;
    if (grant === undefined || protocol !== `TLSv${grant.version}`) return decoy;
    if (grant.identity !== identity) return grant.version === '1.3' ? null : decoy;
    this.#taken = grant;
    return grant.key;
  }

  /** The handshake is complete: another one on this connection would get no key. */
  secure(): void {
    this.#isSecured = true;
    this.grant = undefined;
  }

  /** The identity that the peer has proved by this complete handshake, or why it has proved none. */
  prove(socket: TLSSocket): string | GbaError {
    const taken = this.#taken;
    if (taken === undefined) return TOOK_NONE;
    if (taken.fault !== undefined) return taken.fault;
    if (!this.#isSecured) return NOT_PROVED;
    if (socket.getProtocol() !== `TLSv${taken.version}`) return policyFault('TLS version');
    if ((socket.servername || undefined) !== this.serverName) return policyFault('server name');
    return taken.version === '1.2' || usedExternalKey(socket) ? taken.identity : policyFault('key');
  }

  #lookUpNow(identity: string, decoy: Uint8Array): Grant {
    const { serverName } = this;
    const request = { identity, suite: undefined, serverName, remote: this.#remote };
    const found = lookUp(
      this.#rules.lookup,
      { ...request, version: '1.2' },
      AbortSignal.abort(NOT_LOCAL),
    );
    if (found instanceof Uint8Array)
      return { identity, version: '1.2', key: found, fault: undefined };
    const fault = found instanceof GbaError ? found : NOT_LOCAL;
    return { identity, version: '1.2', key: decoy, fault };
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
