/** The UE's answer to an envelope whose SQN is out of range, field by field (docs/wire.md; TS 33.102 6.3.3). */
import { decodeSqn } from '../aka/sqn.ts';
import { openAuts } from '../aka/vector.ts';
import { AUTS_MESSAGE_OCTETS, decodeAuts } from '../codec/auts.ts';
import { FieldReader } from '../codec/fields.ts';
import { AkaError, CodecError } from '../errors.ts';
import { outcome } from './gpi.ts';
import { decimal, tableLayout, type Layout, type Sheet } from './sheet.ts';
import { attempt, type InspectingSim } from './sim.ts';

/** The first octet of such a message: version 1, type 3. */
export const AUTS_HEADER = 0x13;

/**
 * Writes down its fields. Tells whether MAC-S holds; undefined when there is no SIM to ask.
 * @throws CodecError at the first fault.
 */
export function readAuts(
  sheet: Sheet,
  octets: Uint8Array,
  sim?: InspectingSim,
): boolean | undefined {
  const sqnMs = sim && sqnMsOf(octets, sim);
  const holds = sim && sqnMs !== undefined;
  const note = sheet.writer(layoutOf(sqnMs, holds));
  const source = { code: 'ERR_UPA_MALFORMED', what: 'the AUTS message', note } as const;
  const reader = new FieldReader(octets, source);
  reader.take('header', 1);
  reader.take('session id', 2);
  reader.take('RAND', 16);
  reader.take('SQN_MS xor AK*', 6);
  reader.take('MAC-S', 8);
  reader.end();
  return holds;
}

/** What the SIM concealed: 6 octets; undefined when MAC-S does not hold or the message cannot be read. */
function sqnMsOf(octets: Uint8Array, { algorithm }: InspectingSim): Uint8Array | undefined {
  const message = attempt(() => decodeAuts(octets));
  if (message instanceof CodecError) return undefined;
  try {
    return openAuts(algorithm, message.rand, message.auts);
  } catch (error) {
    if (error instanceof AkaError) return undefined;
    throw error;
  }
}

function layoutOf(sqnMs: Uint8Array | undefined, holds: boolean | undefined): Layout {
  const sqn = sqnMs && decodeSqn(sqnMs);
  return tableLayout('Upa', {
    header: {
      clause: WIRE,
      words: () => `profile upa-1, type 3: AUTS, ${AUTS_MESSAGE_OCTETS} octets`,
    },
    'session id': {
      clause: WIRE,
      words: (octets) => {
        const id = decimal(octets);
        if (id === '0') throw new CodecError('ERR_UPA_MALFORMED', 'a session id is 1 to 65535');
        return `${id}, of the envelope that it answers`;
      },
    },
    RAND: { clause: 'TS 33.102 6.3', words: () => 'the challenge that the SIM refused' },
    'SQN_MS xor AK*': {
      clause: 'TS 33.102 6.3.3',
      words: () =>
        sqn ? `SEQ ${sqn.seq}, IND ${sqn.ind}` : 'the highest number that the SIM took, concealed',
    },
    'MAC-S': { clause: 'TS 33.102 6.3.3', words: () => outcome(holds) },
  });
}

const WIRE = 'docs/wire.md';
