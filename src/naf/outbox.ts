/** The pushes of one UE that have no outcome yet: order per urgency, window, and what each answer means. */
import { URGENCIES } from '../codec/push.ts';
import type { GbaError, GbaErrorCode } from '../errors.ts';
import type { Impi } from '../ids.ts';
import { isWatched, publish } from '../lib/events.ts';
import type { DeadReason, Entry, Outcome, PushState, Receipt } from './entry.ts';
import { Lane } from './lane.ts';

/** What a TTL of 0 means (RFC 8030 5.2). */
const WAITED = 'no layer was open and free, and with a TTL of 0 a push waits for none';
/** A UE that says "not now, but at once again" must not keep both ends busy. */
const LEAST_PAUSE_MS = 100;

/** A queue per urgency, highest first. It knows no clock, no socket and no layer. */
export class Outbox {
  readonly #ue: Impi;
  /** The highest urgency first; made when first used: of ten thousand idle devices most have none. */
  readonly #lanes: Lane[] = [];
  #queued = 0;

  constructor(ue: Impi) {
    this.#ue = ue;
  }

  /** Entries that wait to go out. */
  get queued(): number {
    return this.#queued;
  }

  /** Adds an entry at the end of its urgency. */
  add(entry: Entry): void {
    this.#laneOf(entry).add(entry);
    this.#queued += 1;
  }

  /** True when an entry need not be added at `now`, monotonic ms: it would be the next one taken. */
  isPassable(entry: Entry, now: number): boolean {
    return this.#queued === 0 && !this.#laneOf(entry).isHeld(now);
  }

  /** Takes the next entry that may go out at `now` (monotonic ms), of the highest urgency. */
  take(now: number): Entry | undefined {
    if (this.#queued === 0) return undefined;
    for (const lane of this.#lanes) {
      const entry = lane.isHeld(now) ? undefined : lane.take();
      if (entry === undefined) continue;
      this.#queued -= 1;
      return entry;
    }
    return undefined;
  }

  /** Puts entries back that went out without an outcome, before all later ones of their urgency. */
  putBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const lane = this.#laneOf(entry);
      lane.free(entry);
      lane.putBack(entry);
    }
    this.#queued += entries.length;
  }

  /** When the first urgency that waits after "not now" may go out: monotonic ms, Infinity when none does. */
  releasedAt(now: number): number {
    let at = Infinity;
    for (const { waiting, heldUntil } of this.#lanes) {
      if (waiting > 0 && heldUntil > now) at = Math.min(at, heldUntil);
    }
    return at;
  }

  /** An entry that was taken takes many messages: later ones of its urgency wait for its outcome. */
  takesLong(entry: Entry): void {
    this.#laneOf(entry).waitFor(entry);
  }

  /**
   * Acts on what a layer tells of an entry that was taken; after "not now" it waits again. True when later
   * ones waited for it.
   */
  told(entry: Entry, outcome: Outcome, now: number): boolean {
    const freed = this.#laneOf(entry).free(entry);
    this.#act(entry, outcome, now);
    return freed;
  }

  #act(entry: Entry, outcome: Outcome, now: number): void {
    switch (outcome.kind) {
      case 'handled':
      case 'handled-before':
        this.#settle(entry, this.#receipt(entry, now, 'acked'));
        return;
      case 'taken':
        this.#settle(entry, this.#receipt(entry, now, 'taken'));
        return;
      case 'sent': {
        const { detail } = outcome;
        this.#settle(entry, { ...this.#receipt(entry, now, 'sent'), ...(detail && { detail }) });
        return;
      }
      case 'interrupted':
        this.#die(entry, now, 'interrupted', 'a crash of the UE cut its handler off');
        return;
      case 'conflict':
        this.#die(entry, now, 'refused', 'the UE knows this id with another payload');
        return;
      case 'refused':
        this.#die(entry, now, 'refused', 'the UE refused it');
        return;
      case 'too-large':
        this.#die(entry, now, 'refused', outcome.detail);
        return;
      case 'not-now': {
        const lane = this.#laneOf(entry);
        const afterMs = Math.max(outcome.afterMs, LEAST_PAUSE_MS);
        lane.heldUntil = Math.max(lane.heldUntil, now + afterMs);
        entry.unanswered -= 1;
        this.putBack([entry]);
        publish('gba:push:postponed', { id: entry.id, impi: this.#ue, afterMs });
      }
    }
  }

  /** Settles what waits and is too late; returns the monotonic time of the next deadline. */
  expire(now: number): number {
    const late = this.#lanes.flatMap((lane) => lane.takeLate(now));
    this.#queued -= late.length;
    for (const entry of late) {
      const { ttlSeconds, attempts } = entry;
      const why = ttlSeconds > 0 || attempts > 0 ? 'its time to live was over' : WAITED;
      this.#die(entry, now, 'expired', detailOf(why, entry));
    }
    return Math.min(...this.#lanes.map((lane) => lane.nextDeadline()));
  }

  /** Ends one entry that was taken. */
  refuse(entry: Entry, now: number, detail: string): void {
    this.#die(entry, now, 'refused', detail);
  }

  /** Ends everything that waits; `error` says why. */
  dropAll(now: number, error: GbaError): void {
    for (const lane of this.#lanes) {
      for (let entry = lane.take(); entry !== undefined; entry = lane.take()) {
        this.#queued -= 1;
        this.#die(entry, now, 'dropped', detailOf(error.message, entry), error.code);
      }
    }
  }

  #die(entry: Entry, now: number, reason: DeadReason, detail: string, code?: GbaErrorCode): void {
    const why = { reason, detail, ...(code && { code }) };
    this.#settle(entry, { ...this.#receipt(entry, now, 'dead'), ...why });
  }

  #settle(entry: Entry, receipt: Receipt): void {
    entry.settle(receipt);
    if (!isWatched('gba:push:settled')) return;
    const { id, ue: impi, state, via } = receipt;
    publish('gba:push:settled', { id, impi, state, via });
  }

  #receipt(entry: Entry, now: number, state: PushState): Receipt {
    const { id, via, attempts, acceptedAt, sentAt, stages } = entry;
    return {
      id,
      ue: this.#ue,
      state,
      via,
      attempts,
      ms: {
        total: now - acceptedAt,
        bsf: stages.bsf,
        trigger: stages.trigger,
        handshake: stages.handshake,
        push: attempts === 0 ? 0 : now - sentAt,
      },
    };
  }

  #laneOf({ urgency }: Entry): Lane {
    for (const lane of this.#lanes) if (lane.urgency === urgency) return lane;
    if (!URGENCIES.includes(urgency)) throw new RangeError(`no urgency ${String(urgency)}`);
    const lane = new Lane(urgency);
    this.#lanes.push(lane);
    this.#lanes.sort((a, b) => URGENCIES.indexOf(b.urgency) - URGENCIES.indexOf(a.urgency));
    return lane;
  }
}

/** Whoever pushes it anew must know what may have happened. */
function detailOf(message: string, { unanswered }: Entry): string {
  return unanswered > 0 ? `${message}; it went out, so the UE may have handled it` : message;
}
