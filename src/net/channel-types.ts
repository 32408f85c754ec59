/** What a channel is given, and what it tells. */
import type { Duplex } from 'node:stream';
import type { CoapMessage, OutgoingMessage } from '../codec/coap.ts';
import type { ReceivedMessage } from '../codec/received.ts';
import type { ChannelError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { ReleaseNotice } from './signalling.ts';

/** A request or an answer; the channel adds the token. */
export interface CoapContent {
  readonly code: number;
  /** In ascending order of their numbers. Default none. */
  readonly options?: OutgoingMessage['options'];
  /** Default empty. */
  readonly payload?: Uint8Array;
}

/** The answer, or why there will be none (ERR_CHANNEL_CLOSED). */
export type Settle = (outcome: CoapMessage | ChannelError) => void;

/**
 * The first call answers. Later ones are notifications (RFC 7641), for requests with Observe only.
 * After the channel has ended it does nothing. An answer that is longer than the peer accepts is not
 * sent and ends the channel as a protocol error; such a notification is not sent, and harms nothing.
 * @throws TypeError for a second answer, PushError ERR_PUSH_OVERSIZE for such a notification.
 */
export type Respond = (answer: CoapContent) => void;

/** Whose channel it is: hears what the peer asks for, and of its end. What it does must not throw, but as said. */
export interface ChannelOwner {
  /** The peer's request. A CodecError that it throws before answering is answered 4.00. */
  onRequest(request: ReceivedMessage, respond: Respond): void;
  /** The peer wants no more requests: `drain()` is the polite reaction. */
  onRelease?(notice: ReleaseNotice): void;
  /** The socket is gone, and this is why. */
  onClosed?(end: ChannelEnd): void;
}

/** One for all channels that are alike: ten thousand that idle hold it once. */
export interface ChannelSettings {
  readonly clock: Clock;
  /** The longest message that we accept, header included, octets. */
  readonly maxMessageSize: number;
  /** At this many requests without an answer `writable` is false. Default 1,024. */
  readonly maxRequestsInFlight?: number;
  /** Gives up coalescing, so that Wireshark 4.0 shows every message and not the first of a record only. */
  readonly recordPerMessage?: boolean;
  /** Silence after which a Ping is sent, ms. Default 120,000. */
  readonly keepaliveMs?: number;
  /** Silence after a Ping that loses the channel, ms. Default 15,000. */
  readonly pongTimeoutMs?: number;
  /** How long the peer may take for its CSM, ms. Default 10,000. */
  readonly csmTimeoutMs?: number;
}

export interface ChannelOptions {
  /** Connected; for TLS: secured. The channel owns it from here on. */
  readonly socket: Duplex;
  readonly owner: ChannelOwner;
  readonly settings: ChannelSettings;
}

export interface PeerLimits {
  /** The longest message that it takes, header included, octets. */
  readonly maxMessageSize: number;
  /** Whether it takes blocks (RFC 7959); above 1,152 octets also several in a message (BERT, RFC 8323 6). */
  readonly takesBlocks: boolean;
}

export interface DrainOptions {
  /** How long the peer may still take to answer our requests, ms; may be Infinity. Default 5,000. */
  readonly withinMs?: number;
}

export interface ChannelEnd {
  /**
   * `local`: this end closed it; `released`: it ended after a Release; `peer-closed`: without one;
   * `protocol-error`: we refused what the peer sent; `lost`: the transport failed.
   */
  readonly reason:
    | 'local'
    | 'released'
    | 'peer-closed'
    | 'aborted-by-peer'
    | 'protocol-error'
    | 'keepalive-timeout'
    | 'lost';
  /** For a log line, never parsed; a peer's own words are cut and escaped. */
  readonly diagnostic?: string;
}
