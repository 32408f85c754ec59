/** Short messages field by field, and the WAP push in them, joined where it came in parts (TS 23.040 9.2). */
import { decodeEnvelope } from '../codec/envelope.ts';
import type { NoteField } from '../codec/fields.ts';
import { isGpi, isWapPush, joinParts } from '../codec/sms-push.ts';
import { readModemPdu, smsReader } from '../codec/sms.ts';
import { decodeWake, isWake } from '../codec/wake.ts';
import { readWapPush, wapPushReader, type WspName } from '../codec/wap-push.ts';
import { CodecError } from '../errors.ts';
import { readEnvelope } from './envelope.ts';
import { inspect, type Inspection, type Sheet } from './sheet.ts';
import { attempt, type InspectingSim } from './sim.ts';
import { readWake } from './wake.ts';
import { SMS_LAYOUT, WAP_PUSH_LAYOUT } from './sms-layouts.ts';

/** Inspects one PDU after the other: the PDU itself, and what it completes when it is the last of several parts. */
export function smsInspector(sim?: InspectingSim): (octets: Uint8Array) => Inspection[] {
  const parts = joinParts();
  return (octets) => {
    let joined: Uint8Array | undefined;
    const pdu = inspect(octets, (sheet) => {
      const data = holdBack('TP-UD', sheet.writer(SMS_LAYOUT));
      const sms = readModemPdu(smsReader(octets, data.note));
      if (isWapPush(sms) && !sms.part) return readPush(sheet, sms.data, data.offset, sim);
      data.release();
      if (isWapPush(sms)) joined = parts.add(sms);
      return undefined;
    });
    return joined === undefined ? [pdu] : [pdu, inspectJoined(joined, sim)];
  };
}

function inspectJoined(octets: Uint8Array, sim?: InspectingSim): Inspection {
  return { ...inspect(octets, (sheet) => readPush(sheet, octets, 0, sim)), joined: true };
}

function readPush(
  sheet: Sheet,
  octets: Uint8Array,
  base: number,
  sim?: InspectingSim,
): boolean | undefined {
  const body = holdBack('body', sheet.writer(WAP_PUSH_LAYOUT));
  const push = readWapPush(wapPushReader(octets, body.note, base));
  if (isEnvelope(push.contentType, push.body)) {
    if (isWake(push.body)) {
      readWake(sheet, push.body, body.offset);
      return undefined;
    }
    return readEnvelope(sheet, push.body, body.offset, sim);
  }
  body.release();
  return undefined;
}

/** A media type by its number may be the one of a GPI, whose number is not known here: the body decides. */
function isEnvelope(contentType: WspName, body: Uint8Array): boolean {
  if (typeof contentType === 'string') return isGpi(contentType, {});
  const decode = isWake(body) ? decodeWake : decodeEnvelope;
  return !(attempt(() => decode(body)) instanceof CodecError);
}

interface HeldField {
  readonly note: NoteField;
  /** Where the held field begins. */
  readonly offset: number;
  /** Writes it down after all, as one field. */
  release(): void;
}

/** Keeps back the field of that name, whose octets are fields of another layer, until the next one comes. */
function holdBack(name: string, note: NoteField): HeldField {
  let [offset, held]: [number, Uint8Array | undefined] = [0, undefined];
  const release = (): void => {
    if (held !== undefined) note(name, offset, held, 0);
    held = undefined;
  };
  return {
    note(found, at, octets, missing) {
      release();
      if (found !== name || missing > 0) note(found, at, octets, missing);
      else [offset, held] = [at, octets];
    },
    get offset() {
      return offset;
    },
    release,
  };
}
