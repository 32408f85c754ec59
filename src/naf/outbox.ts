/** The pushes of one UE that have no outcome yet: order per urgency, window, and what each answer means. */
import type { PushAnswer, PushMessage, Urgency } from '../codec/push.ts';
import { URGENCIES } from '../codec/push.ts';
import type { GbaError, GbaErrorCode } from '../errors.ts';
import type { Impi, PushId } from '../ids.ts';

/** The cheapest way that was valid when the push went out. */
export type Via = 'reuse' | 'reconnect' | 'bootstrap';

export type DeadReason = 'expired' | 'refused' | 'interrupted' | 'dropped';

/** What became of a push. Times are milliseconds; the stages of a layer that was open already are 0. */
export interface Receipt {
  readonly id: PushId;
  readonly ue: Impi;
  readonly state: 'acked' | 'dead';
  /** Why it is dead. */
  readonly reason?: DeadReason;
  /** A sentence for people. */
  readonly detail?: string;
  /** The error behind it, when it never reached the UE. */
  readonly code?: GbaErrorCode;
  /** Undefined when it never went out. */
  readonly via: Via | undefined;
  /** How often it went out. */
  readonly attempts: number;
  readonly ms: StageTimes & { readonly total: number; readonly push: number };
}

export interface StageTimes {
  /** From asking the BSF to its answer. */
  readonly bsf: number;
  /** From the first trigger to the UE's TCP connection. */
  readonly trigger: number;
  /** From the TCP connection to the open layer. */
  readonly handshake: number;
}

export interface Entry {
  readonly push: PushMessage;
  readonly acceptedAt: number;
  /** Monotonic ms after which it is of no use. */
  readonly deadline: number;
  readonly settle: (receipt: Receipt) => void;
  attempts: number;
  sentAt: number;
  via: Via | undefined;
  stages: StageTimes;
}

export const NO_STAGES: StageTimes = { bsf: 0, trigger: 0, handshake: 0 };

interface Lane {
  /** Sorted by seq; entries before `head` are taken. */
  queue: Entry[];
  head: number;
  /** After "not now": nothing of this urgency goes out before this monotonic time. */
  heldUntil: number;
}

/** A queue per urgency, highest first. It knows no clock, no socket and no layer. */
export class Outbox {
  readonly #ue: Impi;
  readonly #lanes = new Map<Urgency, Lane>(
    [...URGENCIES].reverse().map((urgency) => [urgency, { queue: [], head: 0, heldUntil: 0 }]),
  );
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
    this.#lane(entry).queue.push(entry);
    this.#queued += 1;
  }

  /** Takes the next entry that may go out at `now` (monotonic ms), of the highest urgency. */
  take(now: number): Entry | undefined {
    if (this.#queued === 0) return undefined;
    for (const lane of this.#lanes.values()) {
      const entry = lane.heldUntil > now ? undefined : this.#shift(lane);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Puts entries back that went out without an outcome, before all later ones of their urgency. */
  putBack(entries: readonly Entry[]): void {
    for (const [urgency, lane] of this.#lanes) {
      for (const entry of entries) {
        if (entry.push.urgency === urgency) insertBySeq(lane, entry);
      }
    }
    this.#queued += entries.length;
  }

  /** When the first urgency that waits after "not now" may go out: monotonic ms, Infinity when none does. */
  releasedAt(now: number): number {
    const held = [...this.#lanes.values()].filter(
      ({ queue, head, heldUntil }) => head < queue.length && heldUntil > now,
    );
    return Math.min(...held.map(({ heldUntil }) => heldUntil));
  }

  /** Acts on the UE's answer; after "not now" the entry waits again. */
  answered(entry: Entry, answer: PushAnswer, now: number): void {
    switch (answer.kind) {
      case 'handled':
      case 'handled-before':
        entry.settle(this.#receipt(entry, now, 'acked'));
        return;
      case 'interrupted':
        this.#die(entry, now, 'interrupted', 'a crash of the UE cut its handler off');
        return;
      case 'conflict':
        this.#die(entry, now, 'refused', 'the UE knows this id with another payload');
        return;
      case 'refused':
        this.#die(entry, now, 'refused', 'the UE refused it');
        return;
      case 'not-now': {
        const lane = this.#lane(entry);
        lane.heldUntil = Math.max(lane.heldUntil, now + answer.afterMs);
        this.putBack([entry]);
      }
    }
  }

  /** Settles what waits and is too late; returns the monotonic time of the next deadline. */
  expire(now: number): number {
    let next = Infinity;
    for (const lane of this.#lanes.values()) {
      const waiting = lane.queue.slice(lane.head);
      lane.queue = waiting.filter((entry) => entry.deadline > now);
      lane.head = 0;
      this.#queued -= waiting.length - lane.queue.length;
      for (const entry of waiting) {
        if (entry.deadline > now) next = Math.min(next, entry.deadline);
        else this.#die(entry, now, 'expired', 'its time to live was over');
      }
    }
    return next;
  }

  /** Ends one entry that was taken. */
  refuse(entry: Entry, now: number, detail: string): void {
    this.#die(entry, now, 'refused', detail);
  }

  /** Ends everything that waits; `error` says why. */
  dropAll(now: number, error: GbaError): void {
    for (const lane of this.#lanes.values()) {
      for (let entry = this.#shift(lane); entry !== undefined; entry = this.#shift(lane)) {
        this.#die(entry, now, 'dropped', error.message, error.code);
      }
    }
  }

  #shift(lane: Lane): Entry | undefined {
    const entry = lane.queue[lane.head];
    if (entry === undefined) return undefined;
    lane.head += 1;
    this.#queued -= 1;
    if (lane.head === lane.queue.length || lane.head >= 4_096) {
      lane.queue = lane.queue.slice(lane.head);
      lane.head = 0;
    }
    return entry;
  }

  #die(entry: Entry, now: number, reason: DeadReason, detail: string, code?: GbaErrorCode): void {
    const why = { reason, detail, ...(code && { code }) };
    entry.settle({ ...this.#receipt(entry, now, 'dead'), ...why });
  }

  #receipt(entry: Entry, now: number, state: Receipt['state']): Receipt {
    const { push, via, attempts, acceptedAt, sentAt, stages } = entry;
    return {
      id: push.id,
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

  #lane(entry: Entry): Lane {
    const lane = this.#lanes.get(entry.push.urgency);
    if (lane === undefined) throw new RangeError(`no urgency ${entry.push.urgency}`);
    return lane;
  }
}

/** What went out is older than nearly all that waits, so its place is near the head. */
function insertBySeq({ queue, head }: Lane, entry: Entry): void {
  let at = head;
  while (at < queue.length && (queue[at]?.push.seq ?? Infinity) < entry.push.seq) at += 1;
  queue.splice(at, 0, entry);
}
