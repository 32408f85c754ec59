/** What Upa carries, field by field: an envelope of profile upa-1 with its GPI, or AUTS (docs/wire.md). */
import { decodeEnvelope } from '../codec/envelope.ts';
import { FieldReader } from '../codec/fields.ts';
import { decodeGpi } from '../codec/gpi.ts';
import { CodecError } from '../errors.ts';
import { toHex } from '../lib/bytes.ts';
import { AUTS_HEADER, readAuts } from './auts.ts';
import { connectFields, positive, readConnect } from './connect-address.ts';
import { outcome, readGpi } from './gpi.ts';
import {
  decimal,
  inspect,
  tableLayout,
  type Inspection,
  type Layout,
  type Meaning,
  type Sheet,
} from './sheet.ts';
import { ask, attempt, isAuthentic, type InspectingSim, type Verdict } from './sim.ts';
import { WAKE_HEADER } from './wake.ts';

/** An envelope, or the AUTS message that answers one. */
export function inspectEnvelope(octets: Uint8Array, sim?: InspectingSim): Inspection {
  return inspect(octets, (sheet) =>
    octets[0] === AUTS_HEADER ? readAuts(sheet, octets, sim) : readEnvelope(sheet, octets, 0, sim),
  );
}

/**
 * Writes down the fields of an envelope that begins at `base`. Tells whether all MACs hold; undefined when
 * there is no SIM to ask. @throws CodecError at the first fault.
 */
export function readEnvelope(
  sheet: Sheet,
  octets: Uint8Array,
  base: number,
  sim?: InspectingSim,
): boolean | undefined {
  const verdict = sim && verdictOn(octets, sim);
  const note = sheet.writer(envelopeLayout(verdict));
  const source = { code: 'ERR_UPA_MALFORMED', what: 'the envelope', note, base } as const;
  const reader = new FieldReader(octets, source);
  reader.take('header', 1);
  reader.take('session id', 2);
  readConnect(reader);
  const length = reader.uint('GPI length');
  const place = { length, base: reader.offset, verdict, impi: sim?.impi };
  const from = reader.offset - base;
  readGpi(sheet, octets.subarray(from, from + length), place);
  reader.part('GPI', length);
  reader.take('MAC', 8);
  reader.end();
  return verdict && isAuthentic(verdict);
}

/** Undefined when envelope or GPI cannot be read at all. */
function verdictOn(octets: Uint8Array, sim: InspectingSim): Verdict | undefined {
  const envelope = attempt(() => decodeEnvelope(octets));
  if (envelope instanceof CodecError) return undefined;
  const gpi = attempt(() => decodeGpi(envelope.gpi));
  return gpi instanceof CodecError ? undefined : ask(sim, gpi, envelope);
}

function envelopeLayout(verdict: Verdict | undefined): Layout {
  const unopened = verdict && 'not checked: its key is named in the GPI, which does not open';
  const fields: Record<string, (octets: Uint8Array) => string> = {
    header: ([header = 0]) => {
      if (header === 0x11) return 'profile upa-1, type 1: GPI';
      const hint = header === WAKE_HEADER ? ': this is a wake, see inspect wake' : '';
      throw malformed(`octet 0 is 0x11 for a GPI, not 0x${toHex(Uint8Array.of(header))}${hint}`);
    },
    'session id': (octets) => positive('a session id', octets),
    ...connectFields('the NAF at its own name, port 5684'),
    'GPI length': (octets) => {
      if (octets[0] === 0) throw malformed('the envelope holds no GPI');
      return decimal(octets);
    },
    MAC: () => outcome(verdict?.envelopeMacHolds, unopened),
  };
  const meanings = Object.entries(fields).map(([name, words]): [string, Meaning] => [
    name,
    { clause: 'docs/wire.md', words },
  ]);
  return tableLayout('Upa', Object.fromEntries(meanings));
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}
