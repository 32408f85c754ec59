/** A trigger as short messages: the Upa envelope in a WAP push, in one SMS or several (TS 24.109 J.2). */
import type { Msisdn } from '../ids.ts';
import { concat, view } from '../lib/bytes.ts';
import {
  decodeModemPdu,
  encodeSubmit,
  modemPdu,
  SMS_DATA_OCTETS,
  SMS_PART_DATA_OCTETS,
  type ApplicationPorts,
  type ModemPdu,
  type SmsTpdu,
} from './sms.ts';
import { decodeWapPush, encodeWapPush, GPI_MEDIA_TYPE, type WspName } from './wap-push.ts';

/** Where WAP pushes arrive in a phone, and the port that senders customarily name. */
export const WAP_PUSH_PORTS: ApplicationPorts = { destination: 2948, originator: 9200 };

/** On receipt a message of more parts is passed over: the longest envelope needs 4. */
export const MAX_PARTS = 8;

/** How the media type is written. No 3GPP short code is known here; a lab that knows one may give it. */
export interface MediaTypeOptions {
  /** The registered number of the media type; text without it, 29 octets. */
  readonly contentTypeCode?: number | undefined;
}

export interface PushSmsOptions extends MediaTypeOptions {
  readonly to: Msisdn;
  /** 0 to 255, another one for each trigger to a device: it joins the parts, and is the WSP transaction id. */
  readonly reference: number;
  /** X-WAP-Application-ID of the GBA user agent: text or its registered number; left out by default. */
  readonly applicationId?: WspName | undefined;
  /** How long the service centre keeps trying; its own choice by default. */
  readonly validSeconds?: number | undefined;
}

/**
 * The messages to send, in order: one when it fits. `envelope` is of profile upa-1.
 * @throws RangeError for a value that is out of its range.
 */
export function encodePushSms(envelope: Uint8Array, options: PushSmsOptions): ModemPdu[] {
  const { to, reference, contentTypeCode, applicationId, validSeconds } = options;
  const push = encodeWapPush({
    transactionId: reference,
    contentType: contentTypeCode ?? GPI_MEDIA_TYPE,
    applicationId,
    body: envelope,
  });
  const common = { to, ports: WAP_PUSH_PORTS, validSeconds };
  if (push.length <= SMS_DATA_OCTETS) return [modemPdu(encodeSubmit({ ...common, data: push }))];
  const total = Math.ceil(push.length / SMS_PART_DATA_OCTETS);
  return Array.from({ length: total }, (_, i) => {
    const data = push.subarray(i * SMS_PART_DATA_OCTETS, (i + 1) * SMS_PART_DATA_OCTETS);
    return modemPdu(encodeSubmit({ ...common, part: { reference, total, number: i + 1 }, data }));
  });
}

/** Makes envelopes of what a modem shows. */
export interface PushSmsReceiver {
  /**
   * Takes one PDU of `AT+CMGL` or `AT+CMGR`. Gives the envelope that it completes, and undefined for a
   * message that is for somebody else, or while parts are missing.
   * @throws CodecError ERR_SMS_MALFORMED, ERR_WSP_MALFORMED.
   */
  receive(pdu: Uint8Array): Uint8Array | undefined;
}

/** Holds at most 16 unfinished messages; the one that got no part for longest gives way. */
export function createPushSmsReceiver(options: MediaTypeOptions = {}): PushSmsReceiver {
  const parts = joinParts();
  return {
    receive(pdu) {
      const sms = decodeModemPdu(pdu);
      if (!isWapPush(sms)) return undefined;
      const octets = parts.add(sms);
      if (octets === undefined) return undefined;
      const push = decodeWapPush(octets);
      return isGpi(push.contentType, options) ? push.body : undefined;
    },
  };
}

/** True for 8-bit data to the port of WAP pushes. */
export function isWapPush({ alphabet, ports }: SmsTpdu): boolean {
  return alphabet === 'octets' && ports?.destination === WAP_PUSH_PORTS.destination;
}

/** Media types are the same in any case (RFC 2045 5.1). */
export function isGpi(contentType: WspName, { contentTypeCode }: MediaTypeOptions): boolean {
  return typeof contentType === 'number'
    ? contentType === contentTypeCode
    : contentType.toLowerCase() === GPI_MEDIA_TYPE;
}

export interface PartJoiner {
  /** The data of a message that is whole now; of one without parts at once. */
  add(sms: SmsTpdu): Uint8Array | undefined;
}

/**
 * Joins parts in any order, a part that comes twice included. What one sender numbers alike is one message; a
 * part that differs from the one it has begins that message anew, since references come round again.
 */
export function joinParts(): PartJoiner {
  const unfinished = new Map<string, Map<number, Uint8Array>>();
  return {
    add({ part, address, ports, data }) {
      if (part === undefined) return data;
      if (part.total > MAX_PARTS) return undefined;
      const key = JSON.stringify([address, ports, part.reference, part.total]);
      const known = unfinished.get(key) ?? new Map<number, Uint8Array>();
      const earlier = known.get(part.number);
      if (earlier !== undefined && !view(earlier).equals(data)) known.clear();
      known.set(part.number, data);
      unfinished.delete(key);
      if (known.size === part.total) {
        const ordered = Array.from(known).sort(([a], [b]) => a - b);
        return concat(...ordered.map(([, octets]) => octets));
      }
      unfinished.set(key, known);
      const [oldest] = unfinished.keys();
      if (unfinished.size > MAX_UNFINISHED && oldest !== undefined) unfinished.delete(oldest);
      return undefined;
    },
  };
}

const MAX_UNFINISHED = 16;
