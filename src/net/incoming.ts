/** The peer's requests: each one's answer, and who waits until all are answered (RFC 8323 5.4). */
import { CODE, RequestError, type OutgoingMessage } from '../codec/coap.ts';
import { NO_OPTIONS, OPTION } from '../codec/coap-option.ts';
import type { ReceivedMessage } from '../codec/received.ts';
import { CodecError } from '../errors.ts';
import { EMPTY, utf8Bytes } from '../lib/bytes.ts';
import type { ChannelOwner, Respond } from './channel-types.ts';
import { KeptToken } from './kept-token.ts';

interface Waiter {
  /** Requests with a lower serial are waited for. */
  readonly before: number;
  missing: number;
  readonly action: () => void;
}

/**
 * Sends an answer, or a notification after it; false when it was not sent. When the answer was not, none
 * can be any more. @throws PushError ERR_PUSH_OVERSIZE for a notification.
 */
export type SendAnswer = (message: OutgoingMessage, isNotification: boolean) => boolean;

export class Incoming {
  readonly #owner: Pick<ChannelOwner, 'onRequest'>;
  readonly #send: SendAnswer;
  #unanswered = 0;
  #nextSerial = 0;
  #waiters: readonly Waiter[] = NONE;

  constructor(owner: Pick<ChannelOwner, 'onRequest'>, send: SendAnswer) {
    this.#owner = owner;
    this.#send = send;
  }

  /** Requests that have no answer yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** How many actions wait for answers. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Gives the request to the consumer, with the way to answer it. The latter may wait for long, so it
   * does not hold the request: that would hold all octets that arrived together with it.
   */
  accept(request: ReceivedMessage): void {
    const token = new KeptToken(request);
    const observed = request.has(OPTION.OBSERVE);
    const serial = this.#nextSerial++;
    this.#unanswered++;
    let answered = false;
    const respond: Respond = ({ code, options = NO_OPTIONS, payload = EMPTY }) => {
      if (answered && !observed) {
        throw new TypeError('a request without Observe is answered once');
      }
      const message = { code, token: token.octets, options, payload };
      if (!this.#send(message, answered) || answered) return;
      answered = true;
      this.#count(serial);
    };
    try {
      this.#owner.onRequest(request, respond);
    } catch (error) {
      if (!(error instanceof CodecError) || answered) throw error;
      const code = error instanceof RequestError ? error.answer : CODE.BAD_REQUEST;
      respond({ code, payload: utf8Bytes(error.message) });
    }
  }

  /** Runs `action` when everything that came before this call is answered; now, when it is. */
  whenAnswered(action: () => void): void {
    if (this.#unanswered === 0) action();
    else {
      const waiter = { before: this.#nextSerial, missing: this.#unanswered, action };
      this.#waiters = [...this.#waiters, waiter];
    }
  }

  #count(serial: number): void {
    this.#unanswered--;
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters) if (serial < waiter.before) waiter.missing--;
    const ready = this.#waiters.filter(({ missing }) => missing === 0);
    this.#waiters = this.#waiters.filter(({ missing }) => missing > 0);
    for (const { action } of ready) action();
  }
}

/** Of ten thousand idle channels nobody waits on any. */
const NONE: readonly Waiter[] = [];
