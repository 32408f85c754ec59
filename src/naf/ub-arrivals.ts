/** UEs that come with a key of their own: while TLS waits, the BSF is asked who they are (TS 33.220 4.5.3, TS 33.222 5.4). */
import type { Wait } from '../async-psk/lookup.ts';
import { BsfError, SaError } from '../errors.ts';
import { parseBTid, pskIdentityOf, PSK_NAMESPACE_UICC, uaIdOf, type BTid } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import { publish } from '../lib/events.ts';
import { recentSet } from '../lib/limits.ts';
import { announce, type Closed } from '../sa/association.ts';
import { Ended, type EndedLog } from '../sa/ended.ts';
import type { AnnouncerOptions } from './announcer.ts';

export interface UbArrivalsOptions extends Omit<AnnouncerOptions, 'uiccOrMe' | 'connect'> {
  /** Aborts when nobody is let in any more. */
  readonly ended: AbortSignal;
  /** Where it is written whose associations have ended; absent: that is forgotten with the process. */
  readonly endedLog?: EndedLog | undefined;
}

/** One B-TID that the BSF is asked for, by any number of handshakes. */
interface Question {
  readonly answer: Promise<void>;
  readonly abort: AbortController;
  waiting: number;
}

/**
 * Strangers choose the B-TIDs, so all of it is bounded: one question for each at a time, so many at all,
 * those that the BSF does not know remembered for a while, keys that nobody has proved so far. One whose
 * association ended here does not come back: the UE must bootstrap anew.
 */
export class UbArrivals {
  readonly #options: UbArrivalsOptions;
  readonly #questions = new Map<BTid, Question>();
  /** Of those that the BSF has not answered, abandoned ones too; a signal made of two costs more than this. */
  readonly #asked = new Set<AbortController>();
  readonly #unknown;
  readonly #over;
  /** Oldest first. */
  readonly #unproved = new Set<BTid>();

  constructor(options: UbArrivalsOptions) {
    this.#options = options;
    const { clock, ended, endedLog } = options;
    this.#unknown = recentSet(clock, { entries: MAX_UNKNOWN, forMs: UNKNOWN_MS });
    this.#over = new Ended(clock, endedLog);
    ended.addEventListener('abort', () => {
      for (const abort of this.#asked) abort.abort(ended.reason);
    });
  }

  /**
   * Resolves when the registry has the association that this PSK identity names.
   * @throws SaError ERR_SA_UNKNOWN; BsfError ERR_BSF_DENIED when the BSF does not say who it is, ERR_BSF_BUSY
   * when too many are asked for; what else the BSF throws; the reason why nobody waits.
   */
  async lookUp(identity: string, wait: Pick<Wait, 'onOver'>): Promise<void> {
    const bTid = bTidIn(identity);
    if (bTid === undefined) throw new SaError('ERR_SA_UNKNOWN', 'the identity names no B-TID');
    if (this.#over.has(bTid)) throw new SaError('ERR_SA_UNKNOWN', `${bTid} has ended here`);
    if (this.#unknown.has(bTid) || this.#options.registry.current(bTid)) {
      throw new SaError('ERR_SA_UNKNOWN', `the BSF has no such key of ${bTid}`);
    }
    let question: Question | undefined;
    wait.onOver((reason) => {
      if (question === undefined) return;
      question.waiting -= 1;
      if (question.waiting > 0) return;
      this.#forget(bTid, question);
      question.abort.abort(reason);
    });
    question = this.#questions.get(bTid) ?? this.#ask(bTid);
    question.waiting += 1;
    try {
      await question.answer;
    } finally {
      question = undefined;
    }
  }

  /** A UE has proved the key of this association. */
  proved(bTid: BTid): void {
    this.#unproved.delete(bTid);
  }

  /** An association is over: the BSF may still have its key, but it does not come in by it again. */
  closed({ bTid, pTid, reason }: Closed): void {
    if (pTid !== undefined) return;
    const wasProved = !this.#unproved.delete(bTid);
    if (wasProved || reason === 'revoked') this.#over.add(bTid);
  }

  /** @throws BsfError ERR_BSF_BUSY. */
  #ask(bTid: BTid): Question {
    if (this.#asked.size >= MAX_ASKING) {
      const why = `the BSF is asked for ${MAX_ASKING} UEs already`;
      throw new BsfError('ERR_BSF_BUSY', why, { retryable: true });
    }
    const abort = new AbortController();
    const { ended } = this.#options;
    if (ended.aborted) abort.abort(ended.reason);
    this.#asked.add(abort);
    const answer = this.#fetch(bTid, abort.signal).finally(() => {
      this.#forget(bTid, question);
      this.#asked.delete(abort);
    });
    const question: Question = { answer, abort, waiting: 0 };
    this.#questions.set(bTid, question);
    return question;
  }

  #forget(bTid: BTid, question: Question): void {
    if (this.#questions.get(bTid) === question) this.#questions.delete(bTid);
  }

  async #fetch(bTid: BTid, signal: AbortSignal): Promise<void> {
    const { bsf, clock, nafFqdn, binding, lifetimeSeconds, registry } = this.#options;
    const askedAt = clock.monotonic();
    const info = await bsf
      .bootstrapInfo({ bTid, nafFqdn, uaId: uaIdOf(binding) }, signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#remember(bTid, error);
        throw error;
      });
    const { ksNaf, ksIntNaf, impi, createdAt = clock.now() } = info;
    try {
      signal.throwIfAborted();
      if (impi === undefined) {
        const why = `the BSF does not say whose ${bTid} is: let this NAF learn IMPIs there`;
        const denied = new BsfError('ERR_BSF_DENIED', why);
        this.#remember(bTid, denied);
        throw denied;
      }
      publish('gba:bsf:answered', { impi, bTid, ms: clock.monotonic() - askedAt });
      const expiresAt = Math.min(info.expiresAt, clock.now() + lifetimeSeconds * 1_000);
      const terms = { bTid, impi, nafFqdn, binding, expiresAt };
      registry.add(announce(terms, ksNaf, ksIntNaf), expiresAt - Math.min(createdAt, clock.now()));
      this.#awaitProof(bTid);
    } catch (error) {
      wipe(ksNaf, ...(ksIntNaf ? [ksIntNaf] : []));
      throw error;
    }
  }

  /** What asking again would not change. */
  #remember(bTid: BTid, error: unknown): void {
    if (error instanceof BsfError && !error.retryable) this.#unknown.add(bTid);
  }

  /** A B-TID is no secret: whoever has seen some can have their keys fetched, and prove none. */
  #awaitProof(bTid: BTid): void {
    this.#unproved.add(bTid);
    const [oldest] = this.#unproved;
    if (this.#unproved.size > MAX_UNPROVED && oldest !== undefined) {
      this.#options.registry.close(oldest, 'superseded');
    }
  }
}

/** The B-TID of an identity in the one spelling under which its association will be found. */
function bTidIn(identity: string): BTid | undefined {
  try {
    const { bTid } = parseBTid(identity.slice(identity.indexOf(';') + 1));
    const names: string[] = [pskIdentityOf(bTid), pskIdentityOf(bTid, PSK_NAMESPACE_UICC)];
    return names.includes(identity) ? bTid : undefined;
  } catch {
    return undefined;
  }
}

const MAX_ASKING = 128;
const MAX_UNKNOWN = 10_000;
const UNKNOWN_MS = 30_000;
const MAX_UNPROVED = 1_024;
