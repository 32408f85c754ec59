/** The UE's word that SQN is out of step: AUTS on its way back to the NAF, type 3 of profile upa-1 (docs/wire.md). */
import { CodecError } from '../errors.ts';
import { ByteReader, concat, octetCount, requireOctets, uintBytes } from '../lib/bytes.ts';

export interface AutsMessage {
  /** Of the envelope that it answers: 1 to 65,535. */
  readonly sessionId: number;
  /** 16 octets: the challenge that the SIM refused. */
  readonly rand: Uint8Array;
  /** 14 octets: (SQN_MS xor AK*) || MAC-S (TS 33.102 6.3.3). */
  readonly auts: Uint8Array;
}

/** It is shorter than any envelope, so an answer never has more octets than what it answers. */
export const AUTS_MESSAGE_OCTETS = 33;

/** @throws RangeError for a field of another size. */
export function encodeAuts({ sessionId, rand, auts }: AutsMessage): Uint8Array {
  requireOctets('RAND', rand, 16);
  requireOctets('AUTS', auts, 14);
  return concat(uintBytes(HEADER_AUTS, 1), uintBytes(sessionId, 2), rand, auts);
}

/** Reads the layout; only MAC-S inside AUTS tells whether it is genuine. @throws CodecError ERR_UPA_MALFORMED. */
export function decodeAuts(octets: Uint8Array): AutsMessage {
  if (octets.length !== AUTS_MESSAGE_OCTETS || octets[0] !== HEADER_AUTS) {
    throw malformed(
      `an AUTS message is 0x13 and ${AUTS_MESSAGE_OCTETS} octets in all, not ${octetCount(octets.length)}`,
    );
  }
  const reader = new ByteReader(octets, () => malformed('the AUTS message ends early'));
  reader.take(1);
  const sessionId = reader.uint(2);
  if (sessionId === 0) throw malformed('a session id is 1 to 65535');
  return { sessionId, rand: reader.take(16), auts: reader.rest() };
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}

/** Version 1, type 3. */
const HEADER_AUTS = 0x13;
