/** What a handshake under an association's key gives, at either end. */
import type { TLSSocket } from 'node:tls';
import type { LiveSa } from '../sa/association.ts';

/** A proven TLS layer. Whoever gets it owns it; its end is told by the socket's `close` event. */
export interface SecuredSocket {
  readonly socket: TLSSocket;
  /** The association whose key proved both ends. */
  readonly sa: LiveSa;
  /** True when the proof is a session that the association keeps from an earlier handshake (TLS 1.2). */
  readonly resumed: boolean;
  /** NAF: from the TCP connection to the proof. UE: from the call, so with DNS and TCP. */
  readonly handshakeMs: number;
  /** The peer, `host:port` or `[host]:port`. */
  readonly remote: string;
}
