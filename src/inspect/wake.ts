/** A wake of profile upa-1, field by field (docs/wire.md). */
import { FieldReader } from '../codec/fields.ts';
import { CodecError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';
import { connectFields, readConnect } from './connect-address.ts';
import { inspect, tableLayout, type Inspection, type Layout, type Sheet } from './sheet.ts';

/** The first octet of a wake: version 1, type 2. */
export const WAKE_HEADER = 0x12;

/** A wake, alone in its datagram. No MAC is checked: K_wake never leaves the two ends. */
export function inspectWake(octets: Uint8Array): Inspection {
  return inspect(octets, (sheet) => {
    readWake(sheet, octets, 0);
    return undefined;
  });
}

/** Writes down the fields of a wake that begins at `base`. @throws CodecError at the first fault. */
export function readWake(sheet: Sheet, octets: Uint8Array, base: number): void {
  const note = sheet.writer(LAYOUT);
  const source = { code: 'ERR_UPA_MALFORMED', what: 'the wake', note, base } as const;
  const reader = new FieldReader(octets, source);
  reader.take('header', 1);
  reader.take('hint', 8);
  readConnect(reader);
  reader.take('MAC', 8);
  reader.end();
}

const FIELDS: Readonly<Record<string, (octets: Uint8Array) => string>> = {
  header: ([header = 0]) => {
    if (header === WAKE_HEADER) return 'profile upa-1, type 2: wake';
    const found = toHex(Uint8Array.of(header));
    throw new CodecError('ERR_UPA_MALFORMED', `octet 0 is 0x12 for a wake, not 0x${found}`);
  },
  hint: () => 'names key and counter to the two ends alone',
  ...connectFields('where the UE connected before'),
  MAC: () => 'not checked: that takes K_wake, which only the two ends have',
};
const LAYOUT: Layout = tableLayout(
  'Upa',
  Object.fromEntries(
    Object.entries(FIELDS).map(([name, words]) => [name, { clause: 'docs/wire.md', words }]),
  ),
);
