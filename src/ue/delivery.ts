/** Runs the handler: one push at a time per urgency, in order, each id at most once, every one answered. */
import { hash } from 'node:crypto';
import process from 'node:process';
import { reasonOf } from '../errors.ts';
import type { PushAnswer, PushMessage, Urgency } from '../codec/push.ts';
import type { Fqdn } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import { isWatched, publish } from '../lib/events.ts';
import type { HandledSet, Refusal, Started } from './handled-set.ts';
import { NotNow, type Push, type PushHandler } from './push-handler.ts';

export interface DeliveryOptions {
  readonly handler: PushHandler;
  readonly handled: HandledSet;
  readonly clock: Clock;
  /** Octets that may wait for the handler before pushes are told "not now". */
  readonly maxWaitingOctets?: number;
}

interface Waiting {
  readonly push: Push;
  readonly answer: (answer: PushAnswer) => void;
}

interface Lane {
  readonly waiting: Waiting[];
  /** The handler is at work, or about to be. */
  active: boolean;
  /** After "not now", later pushes of that NAF which were already on their way wait too: order holds. */
  readonly holds: Map<Fqdn, { readonly seq: number; readonly until: number }>;
}

const BUSY_MS = 1_000;
const BUSY: PushAnswer = { kind: 'not-now', afterMs: BUSY_MS };
const FULL_MS = 60_000;
/** How long after the time a push may come that the NAF sent before it heard of "not now". */
const UNDER_WAY_MS = 5_000;
const DEFAULT_MAX_WAITING_OCTETS = 8 * 1_048_576;

export class Delivery {
  readonly #handler: PushHandler;
  readonly #handled: HandledSet;
  readonly #clock: Clock;
  readonly #maxWaitingOctets: number;
  readonly #lanes = new Map<Urgency, Lane>();
  #waitingOctets = 0;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#handler = options.handler;
    this.#handled = options.handled;
    this.#clock = options.clock;
    this.#maxWaitingOctets = options.maxWaitingOctets ?? DEFAULT_MAX_WAITING_OCTETS;
  }

  /** Takes a push in; `answer` is called exactly once, at once or when the handler has finished. */
  submit(push: Push, answer: (answer: PushAnswer) => void): void {
    const lane = this.#lane(push.urgency);
    const octets = weightOf(push);
    if (this.#stopped || this.#isHeld(lane, push)) return answer(BUSY);
    if (this.#waitingOctets + octets > this.#maxWaitingOctets && lane.active) {
      this.#hold(lane, push, BUSY_MS);
      return answer(BUSY);
    }

    this.#waitingOctets += octets;
    lane.waiting.push({ push, answer });
    if (lane.active) return;
    lane.active = true;
    // After the chunk that this push came in: what came with it shares its writes.
    process.nextTick(this.#run, lane);
  }

  /** Takes nothing more; resolves when no handler is at work. What waited is told "not now". */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) {
      for (const { answer } of lane.waiting.splice(0)) answer(BUSY);
    }
    while ([...this.#lanes.values()].some((lane) => lane.active)) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
  }

  /** One after the other without a promise, as long as the handler makes none. */
  readonly #run = (lane: Lane): void => {
    for (let next = lane.waiting.shift(); next !== undefined; next = lane.waiting.shift()) {
      const work = this.#try(lane, next);
      if (work !== undefined) {
        void work.then(this.#run);
        return;
      }
      this.#leave(lane, next);
    }
    lane.active = false;
    this.#idle?.();
  };

  /** When the handler takes its time: its lane, once it is done. */
  #try(lane: Lane, waiting: Waiting): Promise<Lane> | undefined {
    try {
      const work = this.#handle(lane, waiting);
      if (!(work instanceof Promise)) return undefined;
      return work
        .catch((error: unknown) => {
          this.#giveUp(lane, waiting, error);
        })
        .then(() => {
          this.#leave(lane, waiting);
          return lane;
        });
    } catch (error) {
      this.#giveUp(lane, waiting, error);
      return undefined;
    }
  }

  /** Nothing could be recorded. */
  #giveUp(lane: Lane, { push, answer }: Waiting, error: unknown): void {
    this.#hold(lane, push, FULL_MS);
    answer({ kind: 'not-now', afterMs: FULL_MS });
    publish('gba:push:failed', { id: push.id, reason: reasonOf(error) });
  }

  #leave(lane: Lane, { push }: Waiting): void {
    this.#waitingOctets -= weightOf(push);
    if (lane.waiting.length === 0) this.#record(push.id);
  }

  /** Outcomes that cannot be recorded stay unanswered, and are recorded with the next that can. */
  #record(id: string): void {
    try {
      this.#handled.flush();
    } catch (error) {
      publish('gba:push:failed', { id, reason: reasonOf(error) });
    }
  }

  #handle(lane: Lane, waiting: Waiting): void | Promise<void> {
    const { push } = waiting;
    // What "the same push" means.
    const digest = hash('sha256', push.payload, 'binary');
    const started = this.#handled.start(push, digest, push.ttlSeconds * 1_000);
    if (typeof started === 'string') return this.#turnAway(lane, waiting, started);
    try {
      const work = this.#handler(push);
      if (work instanceof Promise) {
        return work.then(
          () => {
            this.#finish(waiting, { kind: 'handled' }, started);
          },
          (error: unknown) => {
            this.#failed(lane, waiting, error, started);
          },
        );
      }
    } catch (error) {
      return this.#failed(lane, waiting, error, started);
    }
    this.#finish(waiting, { kind: 'handled' }, started);
  }

  #turnAway(lane: Lane, { push, answer }: Waiting, why: Refusal): void {
    switch (why) {
      case 'full':
        this.#hold(lane, push, FULL_MS);
        return answer({ kind: 'not-now', afterMs: FULL_MS });
      case 'done':
        return answer({ kind: 'handled-before' });
      case 'running':
        return answer({ kind: 'conflict' });
      default:
        return answer({ kind: why });
    }
  }

  #failed(lane: Lane, waiting: Waiting, error: unknown, started: Started): void {
    if (error instanceof NotNow) {
      this.#hold(lane, waiting.push, error.afterMs);
      this.#finish(waiting, { kind: 'not-now', afterMs: error.afterMs }, started);
    } else {
      this.#finish(waiting, { kind: 'refused' }, started);
    }
  }

  #finish(waiting: Waiting, answer: PushAnswer, started: Started): void {
    const { push } = waiting;
    const outcome =
      answer.kind === 'handled' ? 'done' : answer.kind === 'refused' ? 'refused' : 'forgotten';
    this.#handled.finish(started, outcome, () => {
      waiting.answer(answer);
    });
    if (!isWatched('gba:push:answered')) return;
    publish('gba:push:answered', {
      id: push.id,
      bTid: push.bTid,
      answer: answer.kind,
      handlerMs: this.#clock.monotonic() - started.at,
    });
  }

  #hold(lane: Lane, push: Push, ms: number): void {
    const until = this.#clock.monotonic() + ms + UNDER_WAY_MS;
    lane.holds.set(push.nafFqdn, { seq: push.seq, until });
    for (const later of lane.waiting.splice(0)) {
      if (later.push.nafFqdn === push.nafFqdn && later.push.seq >= push.seq) {
        this.#waitingOctets -= weightOf(later.push);
        // The same one again, over a new layer, shares what the handler said to the first.
        later.answer(later.push.seq === push.seq ? { kind: 'not-now', afterMs: ms } : BUSY);
      } else {
        lane.waiting.push(later);
      }
    }
  }

  /** The NAF, told "not now", sends the held push first when the time is over: what is later was sent before. */
  #isHeld(lane: Lane, push: Push): boolean {
    const hold = lane.holds.size === 0 ? undefined : lane.holds.get(push.nafFqdn);
    if (hold === undefined) return false;
    if (push.seq > hold.seq && this.#clock.monotonic() < hold.until) return true;
    lane.holds.delete(push.nafFqdn);
    return false;
  }

  #lane(urgency: Urgency): Lane {
    let lane = this.#lanes.get(urgency);
    if (lane === undefined) {
      lane = { waiting: [], active: false, holds: new Map() };
      this.#lanes.set(urgency, lane);
    }
    return lane;
  }
}

/** What a push takes up while it waits, also one without payload. */
function weightOf({ payload }: PushMessage): number {
  return payload.length + 512;
}
