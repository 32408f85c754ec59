/** Finds the key for what a client named, and sees to it that time tells nothing of a failure. */
import { ChannelError, GbaError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { EqualWaits, Waiting } from '../lib/equal-waits.ts';
import { sourceOf } from '../lib/ip.ts';
import { isBinderTrue, type Proof } from './binder.ts';
import type { Grant } from './grant.ts';
import { lookUp, type Answer, type Ask, type PskRequest, type Wait } from './lookup.ts';
import type { Slots } from './slots.ts';

/** What all searches of a gate share. */
export interface SearchRules {
  readonly lookup: Ask;
  readonly clock: Clock;
  readonly slots: Slots;
  /** Of all whose key is not there yet; it calls `grantDecoy` of those whose time is over. */
  readonly waits: EqualWaits<KeySearch>;
  /** After this time whoever has not proved a key is answered, and no lookup goes on. */
  readonly answerAfterMs: number;
  /** A key that nobody has, and always the same one for an identity. */
  readonly decoyOf: (identity: string) => Uint8Array;
}

/** An identity that a client named. */
export interface Candidate {
  readonly identity: string;
  /** In TLS 1.3, where the hello proves the key already. */
  readonly proof: Proof | undefined;
}

export interface Search extends Omit<PskRequest, 'identity'> {
  /** In the client's order; one at least. */
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /** True for a caller that keeps the answer of TLS `atAnswerTime`: it gets a decoy at once too. */
  readonly holdsAnswer: boolean;
}

/** Who hears of one of its two ends. */
export interface Searcher {
  /** A key as soon as it is found and proved, a decoy when it is time. */
  granted(grant: Grant): void;
  /** For a caller that does not hold answers: too many others wait. */
  turnedAway(): void;
}

interface Ears {
  search: KeySearch | undefined;
}

/** One search; `start` it once. */
export class KeySearch implements Wait, Waiting<KeySearch> {
  line: object | undefined;
  ahead: KeySearch | undefined;
  behind: KeySearch | undefined;
  dueAt = 0;
  readonly #rules: SearchRules;
  readonly #search: Search;
  readonly #searcher: Searcher;
  #abort: AbortController | undefined;
  #onOver: ((reason: GbaError) => void) | undefined;
  /** Why nobody waits. */
  #over: GbaError | undefined;
  /** All that the promises of a lookup know of it; nothing any more once it is over. */
  #ears: Ears | undefined;
  /** Where it has a place among those who wait. */
  #source: string | undefined;
  #answerTimer: Timer | undefined;
  /** Why there is no key; a lookup that has not answered by then is too slow. */
  #fault: GbaError = TOO_SLOW;

  constructor(rules: SearchRules, search: Search, searcher: Searcher) {
    this.#rules = rules;
    this.#search = search;
    this.#searcher = searcher;
  }

  /** Whoever reads it is about to wait, which takes a place. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#over === undefined && !this.#takePlace()) this.#over = BUSY;
      if (this.#over !== undefined) this.#abort.abort(this.#over);
    }
    return this.#abort.signal;
  }

  onOver(action: (reason: GbaError) => void): void {
    if (this.#over === undefined && !this.#takePlace()) this.#over = BUSY;
    if (this.#over !== undefined) throw this.#over;
    this.#onOver = action;
  }

  /** A key that comes directly needs no place among those who wait. */
  start(): void {
    const { clock, answerAfterMs, waits, lookup } = this.#rules;
    const { candidates, holdsAnswer, version, suite, serverName, remote } = this.#search;
    this.dueAt = clock.monotonic() + answerAfterMs;
    const answers = candidates.map(({ identity }) =>
      lookUp(lookup, { identity, version, suite, serverName, remote }, this),
    );
    const isDone = answers.every(isDirect);
    if (isDone && this.conclude(answers)) return;
    if (!this.#takePlace()) {
      this.#fault = BUSY;
      if (holdsAnswer) this.grantDecoy();
      else this.#searcher.turnedAway();
      return;
    }
    waits.add(this);
    if (isDone) return;
    this.#ears = { search: this };
    hear(this.#ears, answers);
  }

  /** Runs `action` when a failure is answered; at once where there is no place to wait. */
  atAnswerTime(action: () => void): void {
    const left = this.dueAt - this.#rules.clock.monotonic();
    if (left <= 0 || !this.#takePlace()) {
      action();
      return;
    }
    this.#answerTimer = this.#rules.clock.after(left, () => {
      this.#end();
      action();
    });
  }

  /** Nobody waits for it any more: no end will be told. */
  stop(reason: GbaError): void {
    this.#end();
    this.#over ??= reason;
    this.#abort?.abort(reason);
    this.#onOver?.(reason);
    this.#onOver = undefined;
  }

  #end(): void {
    if (this.#ears !== undefined) this.#ears.search = undefined;
    this.#rules.waits.delete(this);
    this.#answerTimer?.cancel();
    if (this.#source === undefined) return;
    this.#rules.slots.giveBack(this.#source);
    this.#source = undefined;
  }

  #takePlace(): boolean {
    if (this.#source !== undefined) return true;
    const source = sourceOf(this.#search.remote.host);
    if (!this.#rules.slots.take(source)) return false;
    this.#source = source;
    return true;
  }

  /** Grants the first key that the client has; false when there is none and that is not to be told yet. */
  conclude(answers: readonly Answer[]): boolean {
    const { candidates, version, holdsAnswer } = this.#search;
    for (const [i, { identity, proof }] of candidates.entries()) {
      const key = answers[i];
      if (!(key instanceof Uint8Array)) continue;
      if (proof !== undefined && !isBinderTrue(proof, key)) continue;
      this.#end();
      this.#onOver = undefined;
      wipeKeys(answers, key);
      this.#searcher.granted({ identity, version, key, fault: undefined });
      return true;
    }
    wipeKeys(answers);
    this.#fault = answers.find((answer) => answer instanceof GbaError) ?? WRONG_KEY;
    if (holdsAnswer) this.grantDecoy();
    return holdsAnswer;
  }

  /** There is no key, or its time is over. */
  grantDecoy(): void {
    const { candidates, version } = this.#search;
    const [{ identity }] = candidates;
    this.stop(this.#fault);
    const key = this.#rules.decoyOf(identity);
    this.#searcher.granted({ identity, version, key, fault: this.#fault });
  }
}

/** A function of its own: a promise that never settles must not hold what `start` can see. */
function hear(ears: Ears, answers: (Answer | Promise<Answer>)[]): void {
  for (const [i, answer] of answers.entries()) {
    if (isDirect(answer)) continue;
    void answer.then((settled) => {
      answers[i] = settled;
      if (!answers.every(isDirect)) return;
      if (ears.search === undefined) wipeKeys(answers);
      else ears.search.conclude(answers);
    });
  }
}

function wipeKeys(answers: readonly Answer[], but?: Uint8Array): void {
  for (const answer of answers) {
    if (answer instanceof Uint8Array && answer !== but) wipe(answer);
  }
}

function isDirect(answer: Answer | Promise<Answer>): answer is Answer {
  return !(answer instanceof Promise);
}

const TOO_SLOW = new ChannelError('ERR_CHANNEL_TIMEOUT', 'the lookup of its key took too long', {
  retryable: true,
});
const BUSY = new ChannelError('ERR_CHANNEL_CLOSED', 'too many lookups wait', { retryable: true });
const WRONG_KEY = new ChannelError('ERR_CHANNEL_REFUSED', 'the client has another key');
