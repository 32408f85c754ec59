/** Why associations ended, for a while: whoever comes with one of their names is refused for that reason. */
import { SaError, type GbaErrorCode } from '../errors.ts';
import type { BTid } from '../ids.ts';
import type { CloseReason, SaTerms } from './association.ts';

interface Ending {
  readonly bTid: BTid;
  readonly reason: CloseReason;
}

/** Of the newest endings alone, by B-TID and P-TID. No key is in it. */
export class Endings {
  readonly #limit: number;
  readonly #byId = new Map<string, Ending>();

  /** `limit`: ids, of which an association has one or two. */
  constructor(limit = 8_192) {
    this.#limit = limit;
  }

  note({ bTid, pTid }: Pick<SaTerms, 'bTid' | 'pTid'>, reason: CloseReason): void {
    for (const id of [bTid, ...(pTid === undefined ? [] : [pTid])]) {
      this.#byId.delete(id);
      this.#byId.set(id, { bTid, reason });
      const [oldest] = this.#byId.keys();
      if (this.#byId.size > this.#limit && oldest !== undefined) this.#byId.delete(oldest);
    }
  }

  /** For events, never for the wire. */
  faultOf(id: string): SaError | undefined {
    const ending = this.#byId.get(id);
    if (ending === undefined) return undefined;
    const [code, sentence] = FAULTS[ending.reason];
    return new SaError(code, `the association ${ending.bTid} ${sentence}`);
  }
}

const FAULTS: Readonly<Record<CloseReason, readonly [GbaErrorCode, string]>> = {
  expired: ['ERR_SA_EXPIRED', 'has expired'],
  revoked: ['ERR_SA_REVOKED', 'was revoked'],
  superseded: ['ERR_SA_UNKNOWN', 'was superseded by a newer one'],
};
