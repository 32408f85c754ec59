/** Triggers that another program brings on stdin: one a line, as hex, or as JSON with an envelope or a short message. */
import { createPushSmsReceiver } from '../codec/sms-push.ts';
import { CodecError, reasonOf } from '../errors.ts';
import { fromHex, isHex } from '../lib/bytes.ts';
import { publish } from '../lib/events.ts';
import type { UeListener } from '../ue/listener.ts';
import type { CommandIo } from './io.ts';
import { lines } from './payloads.ts';

/** What triggers from there are called in events; all of them share one rate limit. */
const SOURCE = 'stdin';

/**
 * Hands every line to the UE; a line that is none is a refusal, as of any other trigger. The end of stdin
 * ends nothing, so it never resolves. @throws PushError ERR_PUSH_OVERSIZE for a line without end.
 */
export async function receiveLines(ue: UeListener, io: CommandIo): Promise<never> {
  const sms = createPushSmsReceiver();
  for await (const octets of lines(io.stdin)) {
    const text = Buffer.from(octets).toString('utf8').trim();
    if (text === '') continue;
    try {
      const envelope = envelopeIn(text, sms);
      if (envelope !== undefined) void ue.receive(envelope, SOURCE);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const { code } = error;
      publish('gba:trigger:refused', { from: SOURCE, code, reason: reasonOf(error) });
    }
  }
  return new Promise(() => undefined);
}

/** Undefined while parts of a short message are missing, or for one that is for somebody else. */
function envelopeIn(
  text: string,
  sms: ReturnType<typeof createPushSmsReceiver>,
): Uint8Array | undefined {
  if (isHex(text)) return fromHex(text);
  const members = objectIn(text);
  const [envelope, pdu] = [members['envelope'], members['sms']];
  if (typeof envelope === 'string' && isHex(envelope)) return fromHex(envelope);
  if (typeof pdu === 'string' && isHex(pdu)) return sms.receive(fromHex(pdu));
  throw malformed();
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // It is no JSON.
  }
  throw malformed();
}

function malformed(): CodecError {
  const rule = 'a line is hex of an envelope, {"envelope":"HEX"} or {"sms":"HEX of one PDU"}';
  return new CodecError('ERR_UPA_MALFORMED', rule);
}
