/** What an inspection yields: every field of some octets in order, and the first fault. */
import type { NoteField } from '../codec/fields.ts';
import { CodecError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';

export interface Field {
  /** Which protocol the field is of: `GPI`, `SMS`. */
  readonly layer: string;
  /** Of its first octet; where a decrypted field lies encrypted. */
  readonly offset: number;
  readonly octets: number;
  readonly hex: string;
  readonly name: string;
  /** In words. */
  readonly value: string;
  /** Where it is specified. */
  readonly clause: string;
}

export interface Inspection {
  /** How many octets the offsets count in. */
  readonly octets: number;
  /** True when these octets are the joined parts of several inputs. */
  readonly joined?: true;
  readonly fields: readonly Field[];
  /** What is wrong, and where; the fields end there. */
  readonly fault?: { readonly offset: number; readonly reason: string };
  /** Whether all MACs hold; undefined when none was checked. */
  readonly authentic?: boolean | undefined;
}

/** What a field is for. */
export interface Meaning {
  readonly clause: string;
  /** The octets in words. @throws CodecError when they break the rule of their field. */
  readonly words?: (octets: Uint8Array) => string;
}

/** The fields of one protocol by name: the description that is printed. */
export interface Layout {
  readonly layer: string;
  readonly meaningOf: (name: string) => Meaning;
}

/** A layout whose fields are all named in a table; a name that is not there is a mistake in the program. */
export function tableLayout(layer: string, fields: Readonly<Record<string, Meaning>>): Layout {
  const meaningOf = (name: string): Meaning => {
    const meaning = fields[name] ?? (name === SURPLUS ? { clause: '' } : undefined);
    if (meaning === undefined) throw new TypeError(`the layout of ${layer} has no field ${name}`);
    return meaning;
  };
  return { layer, meaningOf };
}

/** Fields as they are found. */
export class Sheet {
  readonly fields: Field[] = [];
  #faultAt = 0;

  get faultAt(): number {
    return this.#faultAt;
  }

  /** Writes down each field of a layout that a reader notes. */
  writer({ layer, meaningOf }: Layout): NoteField {
    return (name, offset, octets, missing) => {
      this.#faultAt = offset + (missing > 0 ? octets.length : 0);
      const { clause, words } = meaningOf(name);
      const field = { layer, offset, octets: octets.length, hex: toHex(octets), name, clause };
      if (missing > 0) {
        if (octets.length > 0) this.fields.push({ ...field, value: `${missing} more expected` });
        return;
      }
      try {
        this.fields.push({ ...field, value: words?.(octets) ?? '' });
      } catch (error) {
        if (error instanceof CodecError) this.fields.push({ ...field, value: '' });
        throw error;
      }
    };
  }
}

/** Runs `walk` over a new sheet; a CodecError ends it and becomes the fault. */
export function inspect(
  octets: Uint8Array,
  walk: (sheet: Sheet) => boolean | undefined,
): Inspection {
  const sheet = new Sheet();
  const { fields } = sheet;
  try {
    return { octets: octets.length, authentic: walk(sheet), fields };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    const fault = { offset: sheet.faultAt, reason: error.message };
    return { octets: octets.length, fields, fault };
  }
}

/** An unsigned big-endian integer as text. */
export function decimal(octets: Uint8Array): string {
  return octets.reduce((sum, octet) => sum * 256 + octet, 0).toString();
}

/** Text that came from elsewhere, in quotes and on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

const SURPLUS = 'surplus';
