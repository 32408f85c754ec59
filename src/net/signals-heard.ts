/** What a peer signals: who of a channel's parts hears it, and what is said back (RFC 8323 5). */
import { CODE, type CoapMessage, type OutgoingMessage } from '../codec/coap.ts';
import type { Greeting } from './greeting.ts';
import type { Incoming } from './incoming.ts';
import type { Keepalive } from './keepalive.ts';
import {
  diagnosticText,
  hasCustody,
  pong,
  readRelease,
  refuseCritical,
  type ReleaseNotice,
} from './signalling.ts';

/** The parts of a channel that a signal may concern. */
export interface SignalHearers {
  readonly greeting: Pick<Greeting, 'hear'>;
  readonly incoming: Pick<Incoming, 'waiting' | 'whenAnswered'>;
  readonly keepalive: Pick<Keepalive, 'pong'>;
  readonly writer: { add(message: OutgoingMessage): void };
  /** The peer ends the channel at once; its words are for people. */
  readonly onAbort: (diagnostic: string) => void;
  /** The peer wants no more requests. */
  readonly onRelease: (notice: ReleaseNotice) => void;
}

/** @throws SignalError for a critical option, CodecError for a signal that cannot be read. */
export function hearSignal(message: CoapMessage, hearers: SignalHearers): void {
  const { code, token, payload } = message;
  if (code === CODE.ABORT) {
    hearers.onAbort(diagnosticText(payload));
    return;
  }
  refuseCritical(message);
  switch (code) {
    case CODE.CSM:
      hearers.greeting.hear(message);
      return;
    case CODE.PING:
      answerPing(token, hasCustody(message), hearers);
      return;
    case CODE.PONG:
      hearers.keepalive.pong(token, hasCustody(message));
      return;
    case CODE.RELEASE:
      hearers.onRelease(readRelease(message));
  }
}

/** With Custody the Pong says that everything before the Ping is answered, so it waits for that (RFC 8323 5.4.1). */
function answerPing(
  token: Uint8Array,
  wantsCustody: boolean,
  { incoming, writer }: SignalHearers,
): void {
  const custody = wantsCustody && incoming.waiting < MAX_BARRIERS;
  const answer = (): void => {
    writer.add(pong(token, custody));
  };
  if (custody) incoming.whenAnswered(answer);
  else answer();
}

/** Pings with Custody that may wait at once; beyond, a Pong comes without Custody. */
const MAX_BARRIERS = 16;
