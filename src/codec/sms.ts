/** SMS: the TPDUs SMS-SUBMIT and SMS-DELIVER, as modems take and show them (TS 23.040 9.2; TS 23.038 4). */
import type { Msisdn } from '../ids.ts';
import { concat, EMPTY, fromHex, toHex, uintBytes } from '../lib/bytes.ts';
import { FieldReader, type NoteField } from './fields.ts';

/** Who in the phone sends and takes it (9.2.3.24.4): two numbers of 16 bits. */
export interface ApplicationPorts {
  readonly destination: number;
  readonly originator: number;
}

/** Which part of a longer message it is (9.2.3.24.1, 9.2.3.24.8). */
export interface SmsPart {
  /** The same in all parts: 8 bits, or 16 bits where a peer chose so. */
  readonly reference: number;
  readonly total: number;
  /** 1 to `total`. */
  readonly number: number;
}

export interface SmsSubmit {
  readonly to: Msisdn;
  readonly ports: ApplicationPorts;
  readonly part?: SmsPart | undefined;
  /** How long the service centre keeps trying, rounded up to what TP-VP can say; its own choice by default. */
  readonly validSeconds?: number | undefined;
  /** At most `SMS_DATA_OCTETS`; in a part `SMS_PART_DATA_OCTETS`. */
  readonly data: Uint8Array;
}

export interface SmsTpdu {
  readonly type: 'deliver' | 'submit';
  /** Who sent it (DELIVER) or gets it (SUBMIT): `+` and digits, digits, or text. */
  readonly address: string;
  readonly alphabet: 'gsm7' | 'octets' | 'ucs2';
  readonly ports?: ApplicationPorts;
  readonly part?: SmsPart;
  /** What comes after the user data header. */
  readonly data: Uint8Array;
}

/** For `AT+CMGS=<length>` in PDU mode, and then the PDU (TS 27.005). */
export interface ModemPdu {
  /** Octets of the TPDU, without the service centre's address. */
  readonly length: number;
  /** Hex: 00 for the service centre that the modem knows, then the TPDU. */
  readonly pdu: string;
}

/** Data that fits beside the two ports, octets: 140 less the header's length and 6 (9.2.3.24). */
export const SMS_DATA_OCTETS = 140 - 1 - 6;
/** The same in a part of a longer message. */
export const SMS_PART_DATA_OCTETS = SMS_DATA_OCTETS - 5;

/** An SMS-SUBMIT TPDU with 8-bit data (9.2.2.2). @throws RangeError for a value or data that do not fit. */
export function encodeSubmit({ to, ports, part, validSeconds, data }: SmsSubmit): Uint8Array {
  const digits = to.slice(1);
  const header = concat(
    ...(part ? [Uint8Array.of(CONCATENATION_8, 3, part.reference, part.total, part.number)] : []),
    Uint8Array.of(PORTS_16, 4),
    uintBytes(ports.destination, 2),
    uintBytes(ports.originator, 2),
  );
  const userData = concat(uintBytes(header.length, 1), header, data);
  if (userData.length > USER_DATA_OCTETS)
    throw new RangeError('data of an SMS: at most 140 octets');
  if (part && !isPart(part))
    throw new RangeError('a part has 8 bits of reference, total and number');
  return concat(
    uintBytes(SUBMIT | HAS_HEADER | (validSeconds === undefined ? 0 : RELATIVE_VALIDITY), 1),
    uintBytes(0, 1),
    uintBytes(digits.length, 1),
    uintBytes(INTERNATIONAL_E164, 1),
    fromHex(swapped(digits.padEnd(digits.length + (digits.length % 2), 'f'))),
    uintBytes(0, 1),
    uintBytes(EIGHT_BIT_DATA, 1),
    validSeconds === undefined ? EMPTY : uintBytes(relativeValidity(validSeconds), 1),
    uintBytes(userData.length, 1),
    userData,
  );
}

export function modemPdu(tpdu: Uint8Array): ModemPdu {
  return { length: tpdu.length, pdu: `00${toHex(tpdu)}` };
}

/**
 * An SMS-DELIVER or SMS-SUBMIT as `AT+CMGL` and `AT+CMGR` show it: the service centre's address, then the
 * TPDU. The TPDU alone is taken too, where its first octet cannot be a length of that address.
 * @throws CodecError ERR_SMS_MALFORMED.
 */
export function decodeModemPdu(octets: Uint8Array): SmsTpdu {
  return readModemPdu(smsReader(octets));
}

/** A reader for `readModemPdu` that tells `note` of every field. */
export function smsReader(octets: Uint8Array, note?: NoteField): FieldReader {
  return new FieldReader(octets, { code: 'ERR_SMS_MALFORMED', what: 'the SMS', note });
}

/** As `decodeModemPdu`; the last field that is read is the data. */
export function readModemPdu(reader: FieldReader): SmsTpdu {
  if ((reader.peek() ?? 0) <= MAX_CENTRE_OCTETS) {
    const centre = reader.part('service centre', reader.uint('service centre length'));
    if (centre.left > 0) readDigits(centre, 'service centre', (centre.left - 1) * 2);
  }
  const first = reader.uint('first octet');
  const type = (['deliver', 'submit'] as const)[first & MESSAGE_TYPE];
  if (type === undefined) throw reader.malformed('TP-MTI is 00 (SMS-DELIVER) or 01 (SMS-SUBMIT)');
  if (type === 'submit') reader.take('TP-MR', 1);
  const role = type === 'submit' ? 'TP-DA' : 'TP-OA';
  const digits = reader.uint(`${role} length`);
  if (digits > MAX_DIGITS) throw reader.malformed(`an address has at most ${MAX_DIGITS} digits`);
  const address = readDigits(reader, role, digits);
  reader.take('TP-PID', 1);
  const alphabet = alphabetOf(reader.uint('TP-DCS'));
  if (type === 'deliver') reader.take('TP-SCTS', 7);
  else if ((first & VALIDITY) !== 0) {
    reader.take('TP-VP', (first & VALIDITY) === RELATIVE_VALIDITY ? 1 : 7);
  }
  const length = reader.uint('TP-UDL');
  const octets = alphabet === 'gsm7' ? Math.ceil((length * 7) / 8) : length;
  if (octets > USER_DATA_OCTETS) throw reader.malformed('user data has at most 140 octets');
  const header = (first & HAS_HEADER) === 0 ? {} : readHeader(reader, octets);
  const data = reader.take('TP-UD', octets - (header.octets ?? 0));
  reader.end();
  const { ports, part } = header;
  return { type, address, alphabet, ...(ports && { ports }), ...(part && { part }), data };
}

/** The type octet, then two digits in an octet, the first in the lower half; or text (9.1.2.3, 9.1.2.5). */
function readDigits(reader: FieldReader, role: string, digits: number): string {
  const type = reader.uint(`${role} type`) & TYPE_OF_NUMBER;
  const octets = Math.ceil(digits / 2);
  if (type === ALPHANUMERIC) return textOf(reader.take(`${role} text`, octets), digits);
  const number = digitsOf(reader.take(`${role} digits`, octets)).slice(0, digits);
  return type === INTERNATIONAL ? `+${number}` : number;
}

/** Digits of an address; what follows an end mark is left out (9.1.2.3). */
export function digitsOf(octets: Uint8Array): string {
  const semiOctets = swapped(toHex(octets)).split('f', 1)[0] ?? '';
  return semiOctets.replace(/[a-e]/g, (letter) => '*#abc'.charAt('abcde'.indexOf(letter)));
}

/** Text of an address in 7-bit characters; those that are not ASCII as well become `?` (TS 23.038 6.2.1). */
function textOf(octets: Uint8Array, semiOctets: number): string {
  const bits = Array.from(octets, (octet) => octet.toString(2).padStart(8, '0'))
    .reverse()
    .join('');
  const septets = Array.from({ length: Math.floor((semiOctets * 4) / 7) }, (_, i) =>
    parseInt(bits.slice(bits.length - 7 * (i + 1), bits.length - 7 * i), 2),
  );
  return String.fromCharCode(...septets).replace(/[^ -#%-?A-Za-z]/g, '?');
}

interface UserDataHeader {
  readonly octets?: number;
  readonly ports?: ApplicationPorts;
  readonly part?: SmsPart;
}

/** Of an element that comes twice the last one counts; one of another size is passed over (9.2.3.24). */
function readHeader(reader: FieldReader, userDataOctets: number): UserDataHeader {
  const length = reader.uint('UDHL');
  if (length >= userDataOctets) throw reader.malformed('UDHL is longer than the user data');
  const header = reader.part('user data header', length);
  let [ports, part]: [ApplicationPorts | undefined, SmsPart | undefined] = [undefined, undefined];
  while (header.left > 0) {
    const id = header.uint('IEI');
    const octets = header.uint('IEDL');
    const element = header.part('IE data', octets);
    if (id === PORTS_16 && octets === 4) {
      const destination = element.uint('destination port', 2);
      ports = { destination, originator: element.uint('originator port', 2) };
    } else if (id === CONCATENATION_8 && octets === 3) part = readPart(element, 1);
    else if (id === CONCATENATION_16 && octets === 4) part = readPart(element, 2);
    else if (octets > 0) element.rest('IE data');
  }
  return { octets: length + 1, ...(ports && { ports }), ...(part && { part }) };
}

/** Undefined for numbers that make no sense: the element is to be ignored then (9.2.3.24.1). */
function readPart(element: FieldReader, referenceOctets: number): SmsPart | undefined {
  const reference = element.uint('reference', referenceOctets);
  const total = element.uint('parts in all');
  const number = element.uint('part');
  return number >= 1 && number <= total ? { reference, total, number } : undefined;
}

function isPart({ reference, total, number }: SmsPart): boolean {
  return reference <= 255 && total <= 255 && number >= 1 && number <= total;
}

/** What TP-DCS says of the data; reserved codings count as text (TS 23.038 4). */
function alphabetOf(dcs: number): SmsTpdu['alphabet'] {
  const bits = dcs >> 4 === 0xf ? dcs & 0b0100 : dcs < 0x80 ? dcs & 0b1100 : 0;
  if (dcs >> 4 === 0xe || bits === 0b1000) return 'ucs2';
  return bits === 0b0100 ? 'octets' : 'gsm7';
}

/** Steps of 5 minutes to 12 hours, of 30 minutes to a day, of a day to 30, of a week to 63 (9.2.3.12.1). */
function relativeValidity(seconds: number): number {
  const minutes = Math.max(1, Math.ceil(seconds / 60));
  const [hour, day] = [60, 24 * 60];
  if (minutes <= 12 * hour) return Math.ceil(minutes / 5) - 1;
  if (minutes <= day) return 143 + Math.ceil((minutes - 12 * hour) / 30);
  if (minutes <= 30 * day) return 166 + Math.ceil(minutes / day);
  return Math.min(255, 192 + Math.ceil(minutes / (7 * day)));
}

function swapped(digits: string): string {
  return digits.replace(/(.)(.)/g, '$2$1');
}

const SUBMIT = 0b01;
const MESSAGE_TYPE = 0b11;
const RELATIVE_VALIDITY = 0b10 << 3;
const VALIDITY = 0b11 << 3;
const HAS_HEADER = 1 << 6;
const TYPE_OF_NUMBER = 0b111 << 4;
const INTERNATIONAL = 0b001 << 4;
const ALPHANUMERIC = 0b101 << 4;
const INTERNATIONAL_E164 = 0x91;
/** No message class: a class says where a phone keeps a text, and here a port says who takes it. */
const EIGHT_BIT_DATA = 0x04;
const CONCATENATION_8 = 0x00;
const PORTS_16 = 0x05;
const CONCATENATION_16 = 0x08;
const USER_DATA_OCTETS = 140;
/** 10 octets of digits (9.1.2.5). */
const MAX_DIGITS = 20;
/** The type octet and 10 octets of digits. */
const MAX_CENTRE_OCTETS = 11;
