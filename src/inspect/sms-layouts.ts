/** What the fields of short messages and of WAP pushes mean (TS 23.040 9.2, TS 23.038 4; WAP-230-WSP 8). */
import { GPI_MEDIA_TYPE, decodeName } from '../codec/wap-push.ts';
import { digitsOf } from '../codec/sms.ts';
import { octetCount } from '../lib/bytes.ts';
import { decimal, quoted, tableLayout, type Meaning } from './sheet.ts';

/** The address fields of one role, of which the text is there for an alphanumeric sender. */
function address(role: string, clause: string): Readonly<Record<string, Meaning>> {
  return {
    [`${role} length`]: { clause, words: (octets) => `${decimal(octets)} semi-octets` },
    [`${role} type`]: { clause: 'TS 23.040 9.1.2.5', words: ([type = 0]) => typeOfNumber(type) },
    [`${role} digits`]: { clause: 'TS 23.040 9.1.2.3', words: digitsOf },
    [`${role} text`]: { clause: 'TS 23.040 9.1.2.5', words: () => '7-bit characters' },
  };
}

export const SMS_LAYOUT = tableLayout('SMS', {
  ...address('service centre', 'TS 27.005'),
  'service centre length': {
    clause: 'TS 27.005',
    words: ([length = 0]) =>
      length === 0 ? 'none: the one that the modem knows' : octetCount(length),
  },
  'service centre': { clause: 'TS 27.005' },
  'first octet': { clause: 'TS 23.040 9.2.2', words: ([first = 0]) => firstOctet(first) },
  'TP-MR': { clause: 'TS 23.040 9.2.3.6', words: (octets) => `reference ${decimal(octets)}` },
  ...address('TP-OA', 'TS 23.040 9.2.3.7'),
  ...address('TP-DA', 'TS 23.040 9.2.3.8'),
  'TP-PID': {
    clause: 'TS 23.040 9.2.3.9',
    words: ([pid]) => (pid === 0 ? 'short message' : 'other'),
  },
  'TP-DCS': { clause: 'TS 23.038 4', words: ([dcs = 0]) => codingScheme(dcs) },
  'TP-SCTS': { clause: 'TS 23.040 9.2.3.11', words: timestamp },
  'TP-VP': { clause: 'TS 23.040 9.2.3.12', words: validity },
  'TP-UDL': {
    clause: 'TS 23.040 9.2.3.16',
    words: (octets) => `${decimal(octets)} octets, or characters of 7 bits`,
  },
  UDHL: { clause: 'TS 23.040 9.2.3.24', words: (octets) => `header of ${decimal(octets)} octets` },
  'user data header': { clause: 'TS 23.040 9.2.3.24' },
  IEI: { clause: 'TS 23.040 9.2.3.24', words: ([id = 0]) => ELEMENTS.get(id) ?? 'not for pushes' },
  IEDL: { clause: 'TS 23.040 9.2.3.24', words: decimal },
  'IE data': { clause: 'TS 23.040 9.2.3.24', words: () => 'passed over' },
  reference: { clause: 'TS 23.040 9.2.3.24.1', words: decimal },
  'parts in all': { clause: 'TS 23.040 9.2.3.24.1', words: decimal },
  part: { clause: 'TS 23.040 9.2.3.24.1', words: decimal },
  'destination port': {
    clause: 'TS 23.040 9.2.3.24.4',
    words: (octets) => (decimal(octets) === '2948' ? '2948, WAP push' : decimal(octets)),
  },
  'originator port': { clause: 'TS 23.040 9.2.3.24.4', words: decimal },
  'TP-UD': { clause: 'TS 23.040 9.2.3.24', words: ({ length }) => `${octetCount(length)} of data` },
});

export const WAP_PUSH_LAYOUT = tableLayout('WSP', {
  'transaction id': { clause: 'WAP-230-WSP 8.2.1', words: decimal },
  'PDU type': {
    clause: 'WAP-230-WSP 8.2.1',
    words: ([type]) => (type === 6 ? 'Push, connectionless' : 'no Push'),
  },
  HeadersLen: { clause: 'WAP-230-WSP 8.2.4.1', words: uintvar },
  headers: { clause: 'WAP-230-WSP 8.2.4.1' },
  'length quote': { clause: 'WAP-230-WSP 8.4.2.2' },
  'Content-Type length': { clause: 'WAP-230-WSP 8.4.2.2', words: uintvar },
  'Content-Type': { clause: 'WAP-230-WSP 8.4.2.24', words: contentType },
  'Content-Type parameters': {
    clause: 'WAP-230-WSP 8.4.2.24',
    words: ({ length }) => octetCount(length),
  },
  'header name': { clause: 'WAP-230-WSP 8.4.1', words: headerName },
  'header code page': { clause: 'WAP-230-WSP 8.4.1' },
  'header value length': { clause: 'WAP-230-WSP 8.4.2.2', words: uintvar },
  'header value': { clause: 'WAP-230-WSP 8.4.1.2', words: ({ length }) => octetCount(length) },
  'X-WAP-Application-ID': {
    clause: 'TS 24.109 J.2.1',
    words: (octets) => {
      const id = decodeName(octets);
      return typeof id === 'string' ? quoted(id) : `registered number 0x${id.toString(16)}`;
    },
  },
  body: { clause: 'WAP-230-WSP 8.2.4.1', words: ({ length }) => `${octetCount(length)}, no GPI` },
});

function firstOctet(first: number): string {
  const submit = (first & 3) === 1;
  const flags = [
    submit
      ? 'SMS-SUBMIT'
      : (first & 3) === 0
        ? 'SMS-DELIVER'
        : 'neither SMS-SUBMIT nor SMS-DELIVER',
    ...((first & 0x40) === 0 ? [] : ['with a user data header']),
    ...(submit && (first & 0x18) !== 0 ? ['with a validity period'] : []),
    ...(submit || (first & 4) !== 0 ? [] : ['more messages wait']),
  ];
  return flags.join(', ');
}

function typeOfNumber(type: number): string {
  const kinds = ['unknown', 'international', 'national', 'network', 'subscriber', 'text', 'short'];
  const plan = (type & 0x0f) === 1 ? ', E.164' : '';
  return `${kinds[(type >> 4) & 7] ?? 'reserved'}${plan}`;
}

function codingScheme(dcs: number): string {
  const group = dcs >> 4;
  const general =
    group < 8 ? (dcs >> 2) & 3 : group === 0xf ? (dcs >> 2) & 1 : group === 0xe ? 2 : 0;
  const alphabet = ['7-bit text', '8-bit data', 'UCS2 text'][general] ?? 'reserved';
  const hasClass = group === 0xf || (group < 8 && (dcs & 0x10) !== 0);
  return `${alphabet}, ${hasClass ? `class ${dcs & 3}` : 'no message class'}`;
}

/** Digits swapped in each octet; the last octet is the zone in quarters of an hour, bit 3 its sign. */
function timestamp(octets: Uint8Array): string {
  const [year, month, day, hour, minute, second] = Array.from(octets, (octet) =>
    [octet & 0x0f, octet >> 4].join(''),
  );
  const zone = octets[6] ?? 0;
  const quarters = (zone & 7) * 10 + (zone >> 4);
  const offset = [Math.floor(quarters / 4), (quarters % 4) * 15].map((part) =>
    `${part}`.padStart(2, '0'),
  );
  const sign = (zone & 8) === 0 ? '+' : '-';
  return `20${year}-${month}-${day} ${hour}:${minute}:${second} ${sign}${offset.join(':')}`;
}

function validity(octets: Uint8Array): string {
  const [value = 0] = octets;
  if (octets.length > 1) return 'until a time, or in a longer form';
  if (value <= 143) return `${(value + 1) * 5} minutes`;
  if (value <= 167) return `${12 + (value - 143) / 2} hours`;
  return value <= 196 ? `${value - 166} days` : `${value - 192} weeks`;
}

function uintvar(octets: Uint8Array): string {
  return octets.reduce((sum, octet) => sum * 128 + (octet & 0x7f), 0).toString();
}

function contentType(octets: Uint8Array): string {
  const type = decodeName(octets);
  if (typeof type === 'string')
    return type === GPI_MEDIA_TYPE ? `${type} (TS 24.109 J)` : quoted(type);
  return `registered number 0x${type.toString(16)}${WELL_KNOWN_TYPES.get(type) ?? ''}`;
}

function headerName(octets: Uint8Array): string {
  const [first = 0] = octets;
  if (first < 0x80) return quoted(String(decodeName(octets)));
  return HEADERS.get(first & 0x7f) ?? `registered number 0x${(first & 0x7f).toString(16)}`;
}

const ELEMENTS: ReadonlyMap<number, string> = new Map([
  [0x00, 'concatenation, 8-bit reference'],
  [0x05, 'application ports, 16 bits'],
  [0x08, 'concatenation, 16-bit reference'],
]);
const HEADERS: ReadonlyMap<number, string> = new Map([
  [0x0d, 'Content-Length'],
  [0x2f, 'X-WAP-Application-ID'],
  [0x34, 'Push-Flag'],
]);
const WELL_KNOWN_TYPES: ReadonlyMap<number, string> = new Map([
  [0x2e, ', application/vnd.wap.sic'],
  [0x36, ', application/vnd.wap.connectivity-wbxml'],
]);
