/** TLS 1.2 sessions that belong to associations: a few of each, gone with it (RFC 5246 F.1.4, RFC 9257). */
import type { BTid } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';

/**
 * Whether a handshake may be shortened by what an earlier one of the same association left behind.
 * `sa-bound`: in TLS 1.2, out of memory, while the association lives. It changes nothing in TLS 1.3,
 * where resumption saves no round trip over a handshake under the key.
 */
export type Resumption = 'off' | 'sa-bound';

/** What a full handshake under an association's key leaves for shorter ones. */
export interface SaSession {
  /** At the NAF the session id, hex: on the wire in clear text, so it proves nothing. At the UE the B-TID. */
  readonly id: string;
  readonly bTid: BTid;
  /** The PSK identity and the very key of the handshake that made it. */
  readonly identity: string;
  readonly key: Uint8Array;
  /** For OpenSSL; the master secret is in it. It is wiped with the association. */
  readonly octets: Uint8Array;
}

/** Owns sessions. Whoever ends an association lets go of them here: `SaRegistry` does when it has one. */
export class SaSessions {
  readonly #perSa: number;
  readonly #byId = new Map<string, SaSession>();
  readonly #byBTid = new Map<BTid, readonly SaSession[]>();

  /** `perSa`: how many an association has at the most; the oldest makes room. */
  constructor(perSa: number) {
    this.#perSa = perSa;
  }

  get size(): number {
    return this.#byId.size;
  }

  find(id: string): SaSession | undefined {
    return this.#byId.get(id);
  }

  /** The newest of an association. */
  latest(bTid: BTid): SaSession | undefined {
    return this.#of(bTid).at(-1);
  }

  /** Takes a session in and owns its octets; it replaces one of the same id. */
  keep(session: SaSession): void {
    this.#end(this.#byId.get(session.id));
    const siblings = this.#of(session.bTid);
    if (siblings.length >= this.#perSa) this.#end(siblings[0]);
    this.#byBTid.set(session.bTid, [...this.#of(session.bTid), session]);
    this.#byId.set(session.id, session);
  }

  /** Wipes those of an association. */
  forget(bTid: BTid): void {
    for (const session of this.#of(bTid)) this.#end(session);
  }

  /** Wipes all. */
  clear(): void {
    for (const bTid of [...this.#byBTid.keys()]) this.forget(bTid);
  }

  /** Oldest first. */
  #of(bTid: BTid): readonly SaSession[] {
    return this.#byBTid.get(bTid) ?? [];
  }

  #end(session: SaSession | undefined): void {
    if (session === undefined) return;
    wipe(session.octets);
    this.#byId.delete(session.id);
    const others = this.#of(session.bTid).filter((one) => one !== session);
    if (others.length > 0) this.#byBTid.set(session.bTid, others);
    else this.#byBTid.delete(session.bTid);
  }
}
