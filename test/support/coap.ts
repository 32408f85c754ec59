/** A CoAP message as the far end decodes it. */
import { CoapDecoder } from '../../src/codec/coap-decoder.ts';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import type { OutgoingMessage } from '../../src/codec/coap.ts';
import { NO_OPTIONS } from '../../src/codec/coap-option.ts';
import type { ReceivedMessage } from '../../src/codec/received.ts';
import { EMPTY } from '../../src/lib/bytes.ts';

type Written = Partial<OutgoingMessage> & Pick<OutgoingMessage, 'code'>;

/** @throws Error unless it is one message. */
export function overTheWire(written: Written): ReceivedMessage {
  const messages: ReceivedMessage[] = [];
  const octets = encodeMessage({ token: EMPTY, options: NO_OPTIONS, payload: EMPTY, ...written });
  new CoapDecoder(1 << 20).push(octets, (one) => messages.push(one));
  const [message] = messages;
  if (message === undefined || messages.length > 1) throw new Error('expected one message');
  return message;
}
