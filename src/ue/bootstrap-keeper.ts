/** Keeps a key of one NAF by normal GBA: bootstraps when there is none, before it ends, and when it is refused. */
import { GbaError, reasonOf } from '../errors.ts';
import type { BTid, Fqdn } from '../ids.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { renewAheadMs } from '../sa/ahead.ts';
import type { Announced, Closed, LiveSa } from '../sa/association.ts';

export interface BootstrapKeeperOptions {
  readonly clock: Clock;
  /** Where the BSF answers, for events. */
  readonly bsf: string;
  readonly nafFqdn: Fqdn;
  /** One run: the association dials when it resolves. */
  readonly run: (signal: AbortSignal) => Promise<Announced>;
  /** The live associations of that NAF, oldest first. */
  readonly live: () => readonly LiveSa[];
  /** Those that such a run made. */
  readonly isOwn: (sa: LiveSa) => boolean;
  /** 0 to 1. */
  readonly random?: () => number;
}

export class BootstrapKeeper {
  readonly nafFqdn: Fqdn;
  readonly #options: BootstrapKeeperOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Monotonic ms at which each is to be replaced. */
  readonly #dueAt = new Map<BTid, number>();
  /** The NAF does not take their keys, now at least. */
  readonly #refused = new Set<BTid>();
  /** Monotonic ms before which there is no further run. */
  #notBefore = -Infinity;
  /** Runs since a key served well. */
  #runs = 0;
  #servesSince: number | undefined;
  #tookMs = 0;
  #wake = new AbortController();

  constructor(options: BootstrapKeeperOptions) {
    this.#options = options;
    this.nafFqdn = options.nafFqdn;
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
  }

  /** Sees to it until the signal aborts. @throws `signal.reason` then. */
  async keep(signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      this.#wake = new AbortController();
      const now = this.#clock.monotonic();
      const due = this.#due();
      if (due > now) await this.#rest(due - now, signal);
      else if (this.#notBefore > now) await this.#rest(this.#notBefore - now, signal);
      else await this.#attempt(signal);
    }
  }

  /** A layer is open under the key. */
  opened({ bTid, pTid }: LiveSa): void {
    this.#refused.delete(bTid);
    if (pTid !== undefined) this.#dueAt.delete(bTid);
    this.#servesSince ??= this.#clock.monotonic();
    this.#wake.abort();
  }

  /** A layer is gone, or none opened. */
  parked(): void {
    this.#wake.abort();
  }

  /** The NAF does not take the key. It may in a moment, so the next run is not at once. */
  refused({ bTid }: LiveSa): void {
    if (this.#refused.has(bTid)) return;
    this.#refused.add(bTid);
    this.#troubled(REFUSED_MS);
  }

  closed({ bTid, reason }: Closed): void {
    this.#refused.delete(bTid);
    this.#dueAt.delete(bTid);
    if (reason === 'revoked') this.#troubled(REVOKED_MS);
    else this.#wake.abort();
  }

  #troubled(leastMs: number): void {
    const now = this.#clock.monotonic();
    const served = this.#servesSince === undefined ? 0 : now - this.#servesSince;
    if (served >= LASTING_MS) this.#runs = 0;
    this.#servesSince = undefined;
    this.#notBefore = Math.max(this.#notBefore, now + this.#about(leastMs));
    this.#wake.abort();
  }

  /** Monotonic ms at which a key will be missing. */
  #due(): number {
    const { live, isOwn } = this.#options;
    return live()
      .filter(({ bTid }) => !this.#refused.has(bTid))
      .map((sa) => (isOwn(sa) ? this.#dueAtOf(sa) : this.#dueAtOfPushed(sa)))
      .reduce((latest, at) => Math.max(latest, at), -Infinity);
  }

  /** One that a trigger made serves as well while it is open, and the NAF renews it; gone, it may come back. */
  #dueAtOfPushed({ bTid, pTid, state }: LiveSa): number {
    if (pTid === undefined || state === 'announced') return -Infinity;
    if (state === 'established') return Infinity;
    const at = this.#dueAt.get(bTid) ?? this.#clock.monotonic() + this.#about(ABSENT_MS);
    this.#dueAt.set(bTid, at);
    return at;
  }

  #dueAtOf({ bTid, expiresAt }: LiveSa): number {
    const known = this.#dueAt.get(bTid);
    if (known !== undefined) return known;
    const lifetimeMs = Math.max(0, expiresAt - this.#clock.now());
    const times = { lifetimeMs, bootstrapMs: this.#tookMs };
    // Not before a NAF that renews keys itself has had its turn, and not all UEs of a fleet at once.
    const aheadMs = renewAheadMs(times, 0) * (0.75 + 0.15 * this.#random());
    const at = this.#clock.monotonic() + lifetimeMs - aheadMs;
    this.#dueAt.set(bTid, at);
    return at;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { bsf, nafFqdn, run } = this.#options;
    const startedAt = this.#clock.monotonic();
    if (this.#servesSince !== undefined) this.#runs = 0;
    this.#runs += 1;
    try {
      const { bTid, expiresAt } = await run(signal);
      this.#rested(retryMs(this.#runs));
      const ms = this.#clock.monotonic() - startedAt;
      this.#tookMs = ms;
      const lifetimeMs = expiresAt - this.#clock.now();
      publish('gba:bootstrap:succeeded', { bsf, nafFqdn, bTid, lifetimeMs, ms });
    } catch (error) {
      if (signal.aborted) return;
      const [code, retryable] =
        error instanceof GbaError ? [error.code, error.retryable] : ['internal', false];
      const afterMs = this.#rested(Math.max(retryMs(this.#runs), retryable ? 0 : SETTLED_MS));
      publish('gba:bootstrap:failed', { bsf, nafFqdn, code, reason: reasonOf(error), afterMs });
    }
  }

  /** About so long until the next run at the earliest; returns how long, ms. */
  #rested(ms: number): number {
    const afterMs = this.#about(ms);
    this.#notBefore = this.#clock.monotonic() + afterMs;
    return afterMs;
  }

  /** Never all UEs of a fleet at once. */
  #about(ms: number): number {
    return ms * (0.5 + this.#random() / 2);
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#wake.signal]);
    await sleep(this.#clock, ms, either).catch(() => undefined);
  }
}

/** After the n-th run in a row. */
function retryMs(runs: number): number {
  return Math.min(SOON_MS * 2 ** (runs - 1), LATEST_MS);
}

const SOON_MS = 1_000;
const LATEST_MS = 600_000;
/** A K, a policy or a subscription that somebody must change. */
const SETTLED_MS = 60_000;
/** For the session to try a refused key again: the NAF may not have reached its BSF. */
const REFUSED_MS = 4_000;
/** For a layer that a trigger made to come back; it may have been another process of that name. */
const ABSENT_MS = 60_000;
/** The NAF said that this UE shall forget the key. */
const REVOKED_MS = 60_000;
/** A key that was good for so long makes up for the runs before. */
const LASTING_MS = 60_000;
