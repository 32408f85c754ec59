/** Pushes as notifications to a plain CoAP client, which knows no ids and answers none (RFC 7641, RFC 8323 7). */
import { CODE } from '../codec/coap.ts';
import { LARGEST_BLOCK, unitOf, type Block } from '../codec/block.ts';
import { bare, OCTET_STREAM, type CoapBody } from '../codec/push.ts';
import { notification, type BodyPart } from '../codec/ue-request.ts';
import { PushError } from '../errors.ts';
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Channel } from '../net/channel.ts';
import type { Respond } from '../net/channel-types.ts';
import { BodyReading } from './body-reading.ts';
import type { Entry, Outcome } from './entry.ts';
import type { ModeLayer, PushMode } from './mode.ts';

export interface Registration {
  /** In hex. */
  readonly token: string;
  /** What every notification is labelled as. */
  readonly contentFormat: number;
  /** Of the blocks that the client wants, if it wants any (`Block`). */
  readonly exponent?: number | undefined;
  readonly respond: Respond;
}

export interface ObserveModeOptions {
  readonly channel: Pick<Channel, 'barrier' | 'peer'>;
  readonly clock: Clock;
  /** Monotonic ms at which the key, and with it any registration, ends. */
  readonly endsAt: number;
  readonly layer: ModeLayer;
}

/**
 * Each push is one notification, never joined with another, and goes out once: nobody could tell a
 * second one from the first. A Ping with Custody follows, one at a time; its Pong tells what became of
 * all notifications before it: `taken` with Custody, else `sent`.
 */
export class ObserveMode implements PushMode {
  readonly #options: ObserveModeOptions;
  #registration: Registration | undefined;
  #sequence = 0;
  /** Sent after the Ping that is out. */
  #unasked: Entry[] = [];
  /** Sent before it. */
  #asked: readonly Entry[] = [];
  /** Counts what was asked and settled: an answer to an earlier question says nothing. */
  #question = 0;
  #deadline: Timer | undefined;
  /** The one that is longer than a message; no other goes out before the client has read it. */
  #reading: BodyReading | undefined;
  #readingDeadline: Timer | undefined;
  #whenReady: (() => void)[] = [];

  constructor(options: ObserveModeOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return (
      this.#registration !== undefined && this.#reading === undefined && this.#unconfirmed < WINDOW
    );
  }

  async whenReady(): Promise<void> {
    if (!this.ready) await new Promise<void>((resolve) => this.#whenReady.push(resolve));
  }

  /** Answers a registration. One stands at a time: one under another token ends the one before. */
  register(registration: Registration): void {
    const { clock, endsAt } = this.#options;
    const again = this.#registration?.token === registration.token;
    if (!again) this.#endRegistration();
    this.#registration = registration;
    const leftSeconds = Math.ceil((endsAt - clock.monotonic()) / 1_000);
    // A client that makes sure of its registration has not done with what it reads.
    if (again && this.#reading) this.#notifyFirst(registration, this.#reading, leftSeconds);
    else this.#notify(registration, EMPTY, leftSeconds);
    this.#wake();
  }

  /** Pushes wait from now on, unless the registration is another one. */
  cancel(token: string): void {
    if (this.#registration?.token === token) this.#registration = undefined;
  }

  send(entry: Entry, ttlSeconds: number): void {
    const { contentFormat, payload } = entry;
    const registration = this.#registration;
    if (registration === undefined) {
      throw new PushError('ERR_PUSH_REFUSED', 'the UE takes no notifications', { retryable: true });
    }
    const { contentFormat: wanted } = registration;
    if (contentFormat !== wanted && contentFormat !== OCTET_STREAM && wanted !== OCTET_STREAM) {
      const mismatch = `the UE takes Content-Format ${wanted} only, and this is ${contentFormat}`;
      throw new PushError('ERR_PUSH_REFUSED', mismatch);
    }
    const { exponent = LARGEST_BLOCK } = registration;
    if (registration.exponent !== undefined && payload.length > unitOf(exponent)) {
      return this.#notifyInBlocks(registration, entry, ttlSeconds, exponent);
    }
    try {
      this.#notify(registration, payload, ttlSeconds);
    } catch (error) {
      if (!(error instanceof PushError) || !this.#options.channel.peer?.takesBlocks) throw error;
      return this.#notifyInBlocks(registration, entry, ttlSeconds, exponent);
    }
    this.#wasSent(entry);
  }

  /** The client asks for a block of what was notified last. */
  read(block: Block, respond: Respond): void {
    const reading = this.#reading;
    if (reading === undefined) return respond(NOTHING_TO_READ);
    respond(reading.answer(block));
    this.#readingDeadline?.cancel();
    if (!reading.read) return this.#awaitReading(reading);
    this.#reading = undefined;
    this.#wasSent(reading.entry);
    this.#wake();
  }

  /** Nobody knows whether what was sent arrived, and it must not arrive twice. */
  surrender(): void {
    const out = [...this.#asked, ...this.#unasked];
    if (this.#reading !== undefined) out.push(this.#reading.entry);
    this.#endReading();
    this.#unasked = [];
    this.#settle(out, UNCONFIRMED);
  }

  forget(): Promise<void> {
    this.#endRegistration();
    return Promise.resolve();
  }

  get #unconfirmed(): number {
    return this.#asked.length + this.#unasked.length;
  }

  /** A notification that is no 2.xx is the last one (RFC 7641 4.2). */
  #endRegistration(): void {
    this.#registration?.respond(bare(CODE.NOT_FOUND));
    this.#registration = undefined;
  }

  #notify(
    { contentFormat, respond }: Registration,
    payload: Uint8Array,
    ttlSeconds: number,
    part?: BodyPart,
  ): void {
    const sequence = this.#sequence + 1;
    const maxAgeSeconds = Math.max(0, ttlSeconds);
    respond(
      notification(payload, { contentFormat, sequence, maxAgeSeconds, ...(part && { part }) }),
    );
    this.#sequence = sequence;
  }

  /** @throws PushError ERR_PUSH_OVERSIZE when the client takes not even a block. */
  #notifyInBlocks(
    registration: Registration,
    entry: Entry,
    ttlSeconds: number,
    exponent: number,
  ): void {
    const reading = new BodyReading(entry, registration.contentFormat, exponent);
    this.#notifyFirst(registration, reading, ttlSeconds);
    this.#reading = reading;
    this.#options.layer.takesLong(entry);
    this.#awaitReading(reading);
  }

  #notifyFirst(registration: Registration, reading: BodyReading, ttlSeconds: number): void {
    for (;;) {
      try {
        const { part, payload } = reading.first();
        return this.#notify(registration, payload, ttlSeconds, part);
      } catch (error) {
        if (!(error instanceof PushError) || !reading.makeSmaller()) throw error;
      }
    }
  }

  /** For the next request: a client that reads no further has what it has, and others wait. */
  #awaitReading({ entry }: BodyReading): void {
    this.#readingDeadline = this.#options.clock.after(READ_MS, () => {
      this.#endReading();
      this.#options.layer.tell(entry, NOT_READ);
      this.#wake();
    });
  }

  #endReading(): void {
    this.#readingDeadline?.cancel();
    this.#reading = undefined;
  }

  #wasSent(entry: Entry): void {
    this.#unasked.push(entry);
    if (this.#asked.length === 0) this.#ask();
  }

  /** The UE may be at work on them: that the Pong is late does not end the layer, that nothing is heard does. */
  #ask(): void {
    const { channel, clock } = this.#options;
    this.#asked = this.#unasked;
    this.#unasked = [];
    // A number, so that a Pong that never comes holds no push.
    const question = this.#question;
    const answered = (outcome: Outcome): void => {
      if (this.#question !== question) return;
      this.#settle(this.#asked, outcome);
      if (this.#unasked.length > 0) this.#ask();
    };
    this.#deadline = clock.after(PONG_MS, () => {
      answered(UNCONFIRMED);
    });
    channel.barrier().then(
      (custody) => {
        answered(custody ? TAKEN : SENT);
      },
      () => undefined,
    );
  }

  #settle(entries: readonly Entry[], outcome: Outcome): void {
    this.#deadline?.cancel();
    this.#asked = [];
    this.#question += 1;
    for (const entry of entries) this.#options.layer.tell(entry, outcome);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }
}

/** What is out when a layer is lost is lost too: so little is out at a time. */
const WINDOW = 32;
/** For the Pong; the same as for any sign of life. */
const PONG_MS = 15_000;
/** For the client to ask for the next block. */
const READ_MS = 15_000;
const NOTHING_TO_READ: CoapBody = {
  ...bare(CODE.NOT_FOUND),
  payload: utf8Bytes('nothing is being read: GET /push with Observe comes first'),
};
const TAKEN: Outcome = { kind: 'taken' };
const SENT: Outcome = { kind: 'sent' };
const UNCONFIRMED: Outcome = {
  kind: 'sent',
  detail: 'the UE did not confirm it; it may have arrived, and is not sent again',
};
const NOT_READ: Outcome = {
  kind: 'sent',
  detail: 'the UE did not read it to its end, and it is not sent again',
};
