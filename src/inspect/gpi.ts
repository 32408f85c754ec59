/** A GPI of profile gpi-1, field by field; with the SIM's keys also what is sealed (docs/wire.md). */
import { decodeSqn } from '../aka/sqn.ts';
import { FieldReader } from '../codec/fields.ts';
import { encodeBsfFqdn, encodeFqdn } from '../codec/fqdn-code.ts';
import { decodeGpi, GPI_MAX_OCTETS, methodOf, type GbaPushInfo } from '../codec/gpi.ts';
import { CodecError } from '../errors.ts';
import {
  bindingOf,
  parsePTid,
  parseUaSecurityProtocolId,
  pTidOf,
  type Impi,
  type UaSecurityProtocolId,
} from '../ids.ts';
import { fromHex, octetCount, toHex, uintBytes } from '../lib/bytes.ts';
import {
  decimal,
  inspect,
  tableLayout,
  type Inspection,
  type Layout,
  type Sheet,
} from './sheet.ts';
import { ask, attempt, isAuthentic, type InspectingSim, type Verdict } from './sim.ts';

/** The GPI alone. */
export function inspectGpi(octets: Uint8Array, sim?: InspectingSim): Inspection {
  return inspect(octets, (sheet) => {
    const gpi = sim && attempt(() => decodeGpi(octets));
    const verdict = sim && gpi && !(gpi instanceof CodecError) ? ask(sim, gpi) : undefined;
    readGpi(sheet, octets, { length: octets.length, base: 0, verdict, impi: sim?.impi });
    return verdict && isAuthentic(verdict);
  });
}

export interface GpiPlace {
  /** How many octets it should have. */
  readonly length: number;
  /** Where it begins. */
  readonly base: number;
  readonly verdict: Verdict | undefined;
  readonly impi: Impi | undefined;
}

/** Writes down the fields of a GPI, or of what there is of it. @throws CodecError at the first fault. */
export function readGpi(sheet: Sheet, octets: Uint8Array, place: GpiPlace): void {
  const { length, base, verdict, impi } = place;
  const gbaU = ((octets[0] ?? 0) & GBA_U) !== 0;
  const note = sheet.writer(gpiLayout(verdict));
  const source = { code: 'ERR_GPI_MALFORMED', what: 'the GPI', note, base } as const;
  const reader = new FieldReader(octets, source);
  reader.take('header', 1);
  reader.take('RAND', 16);
  reader.take('SQN xor AK', 6);
  reader.take('AMF', 2);
  reader.take(gbaU ? 'MAC*' : 'MAC-A', 8);
  const sealedAt = reader.offset;
  reader.take('encrypted', Math.max(length - OPEN_OCTETS, MIN_SEALED));
  if (verdict?.sealed instanceof CodecError) throw verdict.sealed;
  reader.take('MAC', 16);
  reader.end();
  if (verdict?.sealed && impi) writeSealed(sheet, verdict.sealed, impi, sealedAt);
}

/** The plaintext lies octet for octet where its ciphertext does; each name has one code only. */
function writeSealed(sheet: Sheet, info: GbaPushInfo, impi: Impi, base: number): void {
  const note = sheet.writer(sealedLayout(info));
  const fields: readonly (readonly [string, Uint8Array])[] = [
    ['lifetime', uintBytes(info.lifetimeSeconds, 4)],
    ['expiry', uintBytes(info.expiresAt / 1_000, 4)],
    ['Ua security protocol id', fromHex(info.uaId)],
    ['P-TID', parsePTid(info.pTid).octets],
    ['BSF name', encodeBsfFqdn(info.bsfFqdn, impi)],
    ['NAF name', encodeFqdn(info.nafFqdn, impi)],
  ];
  let offset = base;
  for (const [name, octets] of fields) {
    note(name, offset, octets, 0);
    offset += octets.length;
  }
}

/** Of a check: its outcome in words. */
export function outcome(holds: boolean | undefined, unchecked = UNCHECKED): string {
  if (holds === undefined) return unchecked;
  return holds ? 'holds' : 'DOES NOT HOLD';
}

function gpiLayout(verdict: Verdict | undefined): Layout {
  const sqn = verdict && decodeSqn(verdict.sqn);
  const macA = (): string => outcome(verdict?.macAHolds);
  return tableLayout('GPI', {
    header: { clause: WIRE, words: headerWords },
    RAND: { clause: 'TS 33.102 6.3', words: () => 'the challenge' },
    'SQN xor AK': {
      clause: 'TS 33.102 6.3',
      words: () =>
        sqn && verdict.macAHolds
          ? `SEQ ${sqn.seq}, IND ${sqn.ind}`
          : 'the sequence number, concealed',
    },
    AMF: { clause: 'TS 33.102 6.3', words: () => 'authentication management field' },
    'MAC-A': { clause: 'TS 33.102 6.3', words: macA },
    'MAC*': { clause: 'TS 33.220 5.3.2', words: () => `MAC-A xor SHA-1(IK): ${macA()}` },
    encrypted: { clause: WIRE, words: sealedWords },
    MAC: { clause: WIRE, words: () => outcome(verdict?.gpiMacHolds) },
  });
}

function sealedLayout({ bsfFqdn, nafFqdn }: GbaPushInfo): Layout {
  return tableLayout('GPI opened', {
    lifetime: { clause: WIRE, words: (octets) => `${decimal(octets)} s from acceptance` },
    expiry: {
      clause: WIRE,
      words: (octets) => new Date(Number(decimal(octets)) * 1_000).toISOString(),
    },
    'Ua security protocol id': {
      clause: 'TS 33.220 H.2, H.3',
      words: (octets) => useOf(parseUaSecurityProtocolId(toHex(octets))),
    },
    'P-TID': { clause: 'TS 24.109 4A.1', words: pTidOf },
    'BSF name': { clause: WIRE, words: () => bsfFqdn },
    'NAF name': { clause: WIRE, words: () => nafFqdn },
  });
}

function headerWords([header = 0]: Uint8Array): string {
  const method = METHODS.get(header & 0b0111);
  if (header >> 4 !== 1) throw unsupported(`profile version ${header >> 4}`);
  if (method === undefined) throw unsupported(`method ${header & 0b0111}`);
  return `profile gpi-1, ${(header & GBA_U) === 0 ? 'GBA_ME' : 'GBA_U'}, method ${method}`;
}

function sealedWords(octets: Uint8Array): string {
  if (octets.length + OPEN_OCTETS > GPI_MAX_OCTETS) {
    throw new CodecError('ERR_GPI_MALFORMED', `a GPI has at most ${GPI_MAX_OCTETS} octets`);
  }
  return `${octetCount(octets.length)}: lifetime, expiry, Ua id, P-TID, names of BSF and NAF`;
}

/** What the key of a Ua security protocol id is for. */
function useOf(uaId: UaSecurityProtocolId): string {
  const binding = bindingOf(uaId);
  if (binding?.version === '1.2') return `TLS 1.2 with ${binding.suite}`;
  return binding ? 'TLS 1.3 with an external PSK' : `${methodOf(uaId) ?? 'unknown'}, experimental`;
}

function unsupported(what: string): CodecError {
  return new CodecError('ERR_GPI_PROFILE', `profile gpi-1 has no ${what}`);
}

const WIRE = 'docs/wire.md';
const UNCHECKED = 'not checked: that takes the keys of the SIM';
const GBA_U = 0b1000;
const METHODS: ReadonlyMap<number, string> = new Map([
  [0b001, 'psk-tls'],
  [0b010, 'oscore'],
  [0b011, 'dm'],
]);
/** Header, RAND, AUTN and MAC. */
const OPEN_OCTETS = 1 + 16 + 16 + 16;
/** Lifetime, expiry, Ua id, P-TID, BSF code 00, a NAF name of one octet. */
const MIN_SEALED = 4 + 4 + 5 + 12 + 1 + 2;
