/** Requests and answers both ways over one open secure layer: CoAP over TLS (RFC 8323). */
import type { Duplex } from 'node:stream';
import { CoapDecoder } from '../codec/coap-decoder.ts';
import { encodedLength } from '../codec/coap-tcp.ts';
import {
  CODE,
  formatCode,
  isRequest,
  isResponse,
  isSignal,
  type CoapMessage,
  type OutgoingMessage,
} from '../codec/coap.ts';
import { NO_OPTIONS } from '../codec/coap-option.ts';
import type { ReceivedMessage } from '../codec/received.ts';
import { CodecError, PushError } from '../errors.ts';
import { EMPTY } from '../lib/bytes.ts';
import type {
  ChannelEnd,
  ChannelOptions,
  ChannelOwner,
  ChannelSettings,
  CoapContent,
  DrainOptions,
  PeerLimits,
  Settle,
} from './channel-types.ts';
import { Draining } from './drain.ts';
import { Ending, closedError } from './ending.ts';
import { Flow, type MayRequest } from './flow.ts';
import { Greeting } from './greeting.ts';
import { Incoming } from './incoming.ts';
import { Keepalive, type Pong } from './keepalive.ts';
import { hearSignal } from './signals-heard.ts';
import * as signals from './signalling.ts';
import { SignalError } from './signalling.ts';
import { SingleWriter } from './single-writer.ts';
import { TokenTable } from './token-table.ts';
import { WriteBatch } from './write-batch.ts';

/** Both ends are alike. Its owner and settle functions run inside the channel: they must not throw. */
export class Channel {
  readonly #socket: Duplex;
  readonly #owner: ChannelOwner;
  readonly #settings: ChannelSettings;
  readonly #greeting: Greeting;
  readonly #decoder: CoapDecoder;
  readonly #writer: WriteBatch | SingleWriter;
  readonly #keepalive: Keepalive;
  readonly #requests = new TokenTable<Settle>();
  readonly #incoming: Incoming;
  readonly #flow: Flow;
  readonly #ending: Ending;
  #releasedBy: 'us' | 'peer' | undefined;
  #draining: Draining | undefined;

  constructor({ socket, owner, settings }: ChannelOptions) {
    const { clock, maxMessageSize } = settings;
    this.#socket = socket;
    this.#owner = owner;
    this.#settings = settings;
    this.#decoder = new CoapDecoder(maxMessageSize);
    const onWritten = (): void => {
      this.#steer();
    };
    const writer = settings.recordPerMessage
      ? new SingleWriter(socket, onWritten)
      : new WriteBatch(socket, this.#requests, onWritten);
    const ending = new Ending({
      ...{ socket, clock, owner },
      onDecided: (end) => {
        this.#onDecided(end);
      },
    });
    this.#writer = writer;
    this.#ending = ending;
    this.#keepalive = new Keepalive({ socket, writer, ending, settings });
    this.#flow = new Flow({ socket, writer, keepalive: this.#keepalive });
    this.#incoming = new Incoming(owner, (answer, isNotification) =>
      this.#sendAnswer(answer, isNotification),
    );
    this.#greeting = new Greeting(settings, (why) => {
      this.#refuse(why);
    });
    socket.on('data', (chunk: Uint8Array) => {
      this.#onData(chunk);
    });
    socket.on('end', () => {
      this.#onPeerEnd();
    });
    writer.add(signals.csm(maxMessageSize));
  }

  /** The peer's CSM is here. @throws ChannelError ERR_CHANNEL_CLOSED when the channel ends first. */
  get ready(): Promise<void> {
    return this.#greeting.ready;
  }

  /** The socket is gone, and this is why. Never rejects. */
  get closed(): Promise<ChannelEnd> {
    return this.#ending.closed;
  }

  /** What the peer has said that it takes; undefined until its CSM is here. */
  get peer(): PeerLimits | undefined {
    const { heard, maxMessageSize, takesBlocks } = this.#greeting;
    return heard ? { maxMessageSize, takesBlocks } : undefined;
  }

  /** Requests that wait for an answer. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Either end has sent Release, or the channel is over: no request is taken any more. */
  get releasing(): boolean {
    return this.#releasedBy !== undefined || this.#ended;
  }

  /** False says: wait for `whenWritable()` before the next request. A request now would only queue. */
  get writable(): boolean {
    return !this.releasing && this.#hasRoom;
  }

  /** Resolves when `writable`, or when it never will be again. */
  whenWritable(): Promise<void> {
    return this.#flow.whenWritable(this.#mayRequest);
  }

  /**
   * Sends a request. `settle` is called exactly once, never before this returns: with the answer, or
   * with a ChannelError ERR_CHANNEL_CLOSED (retryable) when the channel ends or no longer takes requests.
   * @throws PushError ERR_PUSH_OVERSIZE when it is longer than the peer accepts, RangeError when it
   * cannot be encoded; nothing was sent then and `settle` is not called.
   */
  request({ code, options = NO_OPTIONS, payload = EMPTY }: CoapContent, settle: Settle): void {
    if (this.releasing) {
      process.nextTick(settle, closedError('the channel takes no more requests'));
      return;
    }
    this.#send({ code, token: this.#requests.reserve(), options, payload });
    this.#requests.hold(settle);
  }

  /** Sends a Ping; the round trip, ms. @throws ChannelError ERR_CHANNEL_CLOSED when the channel ends first. */
  async ping(): Promise<number> {
    const { ms } = await this.#ping(false);
    return ms;
  }

  /**
   * Sends a Ping with Custody: true when the Pong says that the peer has processed all that was sent
   * before, false when it does not say so (RFC 8323 5.4.1).
   * @throws ChannelError ERR_CHANNEL_CLOSED when the channel ends first.
   */
  async barrier(): Promise<boolean> {
    const { custody } = await this.#ping(true);
    return custody;
  }

  /** Stops reading, after what has been received already, until `resumeReading`. Keepalive rests meanwhile. */
  pauseReading(): void {
    this.#flow.readingPaused = true;
    this.#steer();
  }

  resumeReading(): void {
    this.#flow.readingPaused = false;
    this.#steer();
  }

  /** Tells the peer that no more requests will be sent or wanted. What is in flight may finish. */
  release({ diagnostic, holdOffSeconds }: signals.ReleaseNotice = {}): void {
    if (this.releasing) return;
    this.#releasedBy = 'us';
    this.#writer.add(signals.release(diagnostic, holdOffSeconds));
    this.#steer();
  }

  /**
   * Releases, waits until everything in flight is answered in both directions, and closes. When the
   * Release was ours, the peer has a second to close first: requests of its own may be on their way. Our
   * own requests that have no answer `withinMs` later are given up; answers that we owe are waited for
   * without limit. Of several calls the earliest deadline holds. `close()` cuts it short.
   */
  async drain({ withinMs = DRAIN_MS }: DrainOptions = {}): Promise<void> {
    this.release();
    this.#draining ??= this.#makeDraining();
    this.#draining.giveUpWithin(withinMs);
    this.#draining.check();
    await this.closed;
  }

  /** Ends it now: sends what is encoded, settles what is in flight with ERR_CHANNEL_CLOSED. */
  async close(): Promise<void> {
    this.#finish({ reason: 'local' });
    await this.closed;
  }

  /** Ends it now and tells the peer why (7.05). */
  abort(diagnostic: string): void {
    this.#finish({ reason: 'local', diagnostic }, signals.abort(diagnostic));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #hasRoom(): boolean {
    const { maxRequestsInFlight = 1_024 } = this.#settings;
    return this.#requests.size < maxRequestsInFlight && this.#writer.queued < HIGH_WATER_MARK;
  }

  get #mayRequest(): MayRequest {
    return this.releasing ? 'never' : this.#hasRoom ? 'yes' : 'later';
  }

  #steer(): void {
    this.#flow.update(this.#mayRequest);
  }

  get #ended(): boolean {
    return this.#ending.reason !== undefined;
  }

  #onPeerEnd(): void {
    this.#finish({
      reason: this.#releasedBy ? 'released' : 'peer-closed',
      ...(this.#decoder.partial && { diagnostic: 'in the middle of a message' }),
    });
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#keepalive.heard();
    try {
      this.#decoder.push(chunk, this.#onMessage);
    } catch (error) {
      if (!(error instanceof CodecError)) {
        this.#socket.destroy();
        throw error;
      }
      this.#refuse(error.message, error instanceof SignalError ? error.badCsmOption : undefined);
    }
    this.#draining?.check();
    this.#steer();
  }

  readonly #onMessage = (message: ReceivedMessage): void => {
    const { code } = message;
    if (this.#ended || code === CODE.EMPTY) return;
    if (!this.#greeting.heard && code !== CODE.CSM && code !== CODE.ABORT) {
      throw new SignalError('the first message is not a CSM');
    }
    if (isResponse(code)) {
      const { octets, tokenStart, tokenEnd } = message;
      this.#requests.take(octets, tokenStart, tokenEnd)?.(message);
    } else if (isRequest(code)) this.#incoming.accept(message);
    else if (isSignal(code)) this.#onSignal(message);
    else throw new SignalError(`the code ${formatCode(code)} is reserved`);
  };

  #onSignal(message: CoapMessage): void {
    hearSignal(message, {
      greeting: this.#greeting,
      incoming: this.#incoming,
      keepalive: this.#keepalive,
      writer: this.#writer,
      onAbort: (diagnostic) => {
        this.#finish({ reason: 'aborted-by-peer', diagnostic });
      },
      onRelease: (notice) => {
        this.#releasedBy = 'peer';
        this.#owner.onRelease?.(notice);
      },
    });
  }

  #ping(custody: boolean): Promise<Pong> {
    if (this.#ended) return Promise.reject(closedError('it has ended'));
    return this.#keepalive.ping(custody);
  }

  /** @throws PushError ERR_PUSH_OVERSIZE; nothing was sent then. */
  #send(message: OutgoingMessage): void {
    const size = encodedLength(message);
    const oversize = this.#greeting.oversize(size);
    if (oversize !== undefined) throw new PushError('ERR_PUSH_OVERSIZE', oversize);
    this.#writer.add(message, size);
  }

  /** See `SendAnswer`. */
  #sendAnswer(message: OutgoingMessage, isNotification: boolean): boolean {
    if (this.#ended) return false;
    try {
      this.#send(message);
    } catch (error) {
      if (isNotification || !(error instanceof PushError)) throw error;
      // The peer has stated the limit: it is at fault.
      this.#refuse(error.message);
      return false;
    }
    if (this.#draining && !isNotification) process.nextTick(this.#draining.check);
    return true;
  }

  #makeDraining(): Draining {
    return new Draining({
      clock: this.#settings.clock,
      look: () => ({
        unanswered: this.#incoming.unanswered,
        waiting: this.#requests.size,
        releasedBy: this.#releasedBy,
        ended: this.#ended,
      }),
      onDrained: () => {
        this.#finish({ reason: this.#releasedBy === 'peer' ? 'released' : 'local' });
      },
    });
  }

  /** The peer broke the protocol. */
  #refuse(diagnostic: string, badCsmOption?: number): void {
    this.#finish({ reason: 'protocol-error', diagnostic }, signals.abort(diagnostic, badCsmOption));
  }

  /** Ends it on our side, after a last word and whatever was encoded before. */
  #finish(end: ChannelEnd, farewell?: OutgoingMessage): void {
    if (!this.#ended) {
      if (farewell) this.#writer.add(farewell);
      this.#ending.decide(end);
    }
    this.#ending.hangUp();
  }

  #onDecided({ reason, diagnostic }: ChannelEnd): void {
    this.#writer.flush();
    const error = closedError(diagnostic === undefined ? reason : `${reason}: ${diagnostic}`);
    this.#draining?.stop();
    this.#keepalive.stop(error);
    this.#greeting.end(error);
    for (const settle of this.#requests.takeAll()) settle(error);
    this.#flow.end();
  }
}

/** Octets queued at which a sender should wait. */
const HIGH_WATER_MARK = 65_536;
/** How long `drain` waits for the peer's answers unless told otherwise. */
const DRAIN_MS = 5_000;
