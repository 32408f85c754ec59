/** CoAP over a stream, message by message and option by option (RFC 8323 3.2, RFC 7252 3.1). */
import { CODE, formatCode, isSignal } from '../codec/coap.ts';
import { isCritical } from '../codec/option-values.ts';
import { EXTENSION_BASE, MAX_OPTION_NUMBER, MAX_TOKEN, PAYLOAD_MARKER } from '../codec/coap-tcp.ts';
import { FieldReader } from '../codec/fields.ts';
import { octetCount, utf8Text } from '../lib/bytes.ts';
import { OPTIONS, SIGNAL_OPTIONS, type OptionMeaning } from './coap-options.ts';
import { decimal, inspect, quoted, type Inspection, type Layout, type Meaning } from './sheet.ts';

/** One message or several that follow each other. */
export function inspectCoap(octets: Uint8Array): Inspection {
  return inspect(octets, (sheet) => {
    const note = sheet.writer(LAYOUT);
    const source = { code: 'ERR_COAP_MALFORMED', what: 'the message', note } as const;
    const reader = new FieldReader(octets, source);
    while (reader.left > 0) readMessage(reader);
    return undefined;
  });
}

function readMessage(reader: FieldReader): void {
  const first = reader.uint('Len, TKL');
  const tokenOctets = first & 0x0f;
  if (tokenOctets > MAX_TOKEN) throw reader.malformed('token lengths 9 to 15 are reserved');
  const nibble = first >>> 4;
  const extension = nibble < 13 ? 0 : 1 << (nibble - 13);
  const length =
    extension === 0
      ? nibble
      : reader.uint(`extended length + ${EXTENSION_BASE[nibble - 13] ?? 0}`, extension) +
        (EXTENSION_BASE[nibble - 13] ?? 0);
  const code = reader.uint('Code');
  if (tokenOctets > 0) reader.take('Token', tokenOctets);
  const end = reader.offset + length;
  let number = 0;
  while (reader.offset < end && reader.peek() !== PAYLOAD_MARKER) {
    number = readOption(reader, { code, end, previous: number });
  }
  if (reader.offset === end) return;
  reader.take('payload marker', 1);
  if (reader.offset === end) throw reader.malformed('a payload marker without a payload');
  reader.take('payload', end - reader.offset);
}

interface OptionPlace {
  readonly code: number;
  /** Where its message ends. */
  readonly end: number;
  /** The number of the option before it. */
  readonly previous: number;
}

/** Reads one option as one field, and returns its number. */
function readOption(reader: FieldReader, { code, end, previous }: OptionPlace): number {
  const head = reader.peek() ?? 0;
  if (head >>> 4 === 15 || (head & 0x0f) === 15) {
    reader.take('option', 1);
    throw reader.malformed('the option nibble 15 is reserved');
  }
  const header = 1 + extensionOctets(head >>> 4) + extensionOctets(head & 0x0f);
  const room = end - reader.offset;
  if (reader.left < header) reader.take('option', header);
  const delta = extended(reader, head >>> 4, 1);
  const length = extended(reader, head & 0x0f, 1 + extensionOctets(head >>> 4));
  const number = previous + delta;
  const rule =
    header + length > room
      ? 'an option longer than its message'
      : number > MAX_OPTION_NUMBER
        ? 'an option number beyond 65535'
        : undefined;
  if (rule !== undefined) {
    reader.take('option', Math.min(header, room));
    throw reader.malformed(rule);
  }
  reader.take(nameOf(code, number), header + length);
  return number;
}

function extensionOctets(nibble: number): number {
  return nibble < 13 ? 0 : nibble - 12;
}

function extended(reader: FieldReader, nibble: number, at: number): number {
  const first = reader.peek(at) ?? 0;
  if (nibble < 13) return nibble;
  return nibble === 13 ? 13 + first : 269 + first * 256 + (reader.peek(at + 1) ?? 0);
}

/** `Uri-Path (11)`; signals have numbers of their own for each code (RFC 8323 5.2). */
function nameOf(code: number, number: number): string {
  const known = isSignal(code) ? SIGNAL_OPTIONS.get(code)?.get(number) : OPTIONS.get(number);
  const name = known?.name ?? (isCritical(number) ? 'critical option' : 'elective option');
  return `${name} (${number})`;
}

const BY_NAME: ReadonlyMap<string, OptionMeaning> = new Map(
  [OPTIONS, ...SIGNAL_OPTIONS.values()].flatMap((options) =>
    Array.from(options, ([number, option]) => [`${option.name} (${number})`, option] as const),
  ),
);

const LAYOUT: Layout = {
  layer: 'CoAP',
  meaningOf(name) {
    const option = BY_NAME.get(name);
    if (option !== undefined) {
      const { clause, words } = option;
      return { clause, words: (octets) => words(valueOf(octets)) };
    }
    if (name.startsWith('extended length')) return { clause: 'RFC 8323 3.2', words: decimal };
    return FIELDS[name] ?? { clause: 'RFC 7252 3.1', words: opaqueOption };
  },
};

const FIELDS: Readonly<Record<string, Meaning>> = {
  'Len, TKL': {
    clause: 'RFC 8323 3.2',
    words: ([first = 0]) =>
      `Len ${first >>> 4}${first >>> 4 > 12 ? ', extended' : ''}; token of ${octetCount(first & 0x0f)}`,
  },
  Code: {
    clause: 'RFC 7252 12.1',
    words: ([code = 0]) => `${formatCode(code)} ${CODE_NAMES.get(code) ?? 'unassigned'}`,
  },
  Token: { clause: 'RFC 7252 5.3.1' },
  option: { clause: 'RFC 7252 3.1' },
  'payload marker': { clause: 'RFC 7252 3' },
  payload: { clause: 'RFC 7252 5.5', words: payloadWords },
};

/** The value of an option that is given with its header. */
function valueOf(octets: Uint8Array): Uint8Array {
  const head = octets[0] ?? 0;
  return octets.subarray(1 + extensionOctets(head >>> 4) + extensionOctets(head & 0x0f));
}

function opaqueOption(octets: Uint8Array): string {
  return octetCount(valueOf(octets).length);
}

function payloadWords(octets: Uint8Array): string {
  const text = utf8Text(octets);
  if (text === undefined) return octetCount(octets.length);
  return text.length > 64
    ? `${octetCount(octets.length)}: ${quoted(text.slice(0, 64))}...`
    : quoted(text);
}

/** `NOT_FOUND` becomes `Not Found`; methods and CSM stay as they are. */
const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CODE).map(([name, code]) => [
    code,
    code > 0 && (code < 0x20 || name === 'CSM') ? name : titled(name),
  ]),
);

function titled(name: string): string {
  const words = name.toLowerCase().split('_');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
}
