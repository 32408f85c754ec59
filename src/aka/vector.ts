/** Vectors and the tokens AUTN and AUTS, made and opened (TS 33.102 6.3). */
import { AkaError } from '../errors.ts';
import { concat, equalSecret, requireOctets, wipe, xor } from '../lib/bytes.ts';
import type { AkaAlgorithm } from './algorithm.ts';

export interface VectorInput {
  /** 16 octets, unpredictable. */
  readonly rand: Uint8Array;
  /** 6 octets, never used before. */
  readonly sqn: Uint8Array;
  /** 2 octets. */
  readonly amf: Uint8Array;
}

/** The shape of the port's AuthenticationVector, for the algorithm's own sizes. */
export interface BuiltVector {
  readonly rand: Uint8Array;
  readonly autn: Uint8Array;
  readonly xres: Uint8Array;
  readonly ck: Uint8Array;
  readonly ik: Uint8Array;
}

/** What the SIM reads out of a genuine AUTN. The caller owns the keys; SQN is not judged yet. */
export interface OpenedAutn {
  /** 6 octets. */
  readonly sqn: Uint8Array;
  readonly res: Uint8Array;
  readonly ck: Uint8Array;
  readonly ik: Uint8Array;
}

/**
 * The network's side: AUTN = (SQN xor AK) || AMF || MAC-A (6.3.2).
 * @throws RangeError for a wrong length, or a MAC that is not 64 bits and so has no place in AUTN.
 */
export function buildVector(algorithm: AkaAlgorithm, { rand, sqn, amf }: VectorInput): BuiltVector {
  const macA = algorithm.f1(rand, sqn, amf);
  requireOctets('MAC-A', macA, MAC_OCTETS);
  const { res, ck, ik, ak } = algorithm.f2345(rand);
  const autn = concat(xor(sqn, ak), amf, macA);
  wipe(ak);
  return { rand: Uint8Array.from(rand), autn, xres: res, ck, ik };
}

/**
 * The SIM's side: SQN and keys, once MAC-A holds (6.3.3). Judge SQN next, and only then use the keys.
 * @throws AkaError ERR_AKA_MAC_FAILURE; RangeError unless RAND and AUTN have 16 octets.
 */
export function openAutn(algorithm: AkaAlgorithm, rand: Uint8Array, autn: Uint8Array): OpenedAutn {
  requireOctets('AUTN', autn, 16);
  const { res, ck, ik, ak } = algorithm.f2345(rand);
  const sqn = xor(autn.subarray(0, 6), ak);
  const macA = autn.subarray(8);
  const xmac = algorithm.f1(rand, sqn, autn.subarray(6, 8));
  wipe(ak);
  if (!equalSecret(xmac, macA)) {
    wipe(res, ck, ik, sqn);
    throw new AkaError(
      'ERR_AKA_MAC_FAILURE',
      'the challenge is not from the network of this SIM: compare K and OPc at both ends',
    );
  }
  return { sqn, res, ck, ik };
}

/**
 * The SIM's answer to an SQN out of range: AUTS = (SQN_MS xor AK*) || MAC-S, where MAC-S is computed
 * with AMF 0000 (6.3.3). 14 octets. @throws RangeError as `buildVector`.
 */
export function buildAuts(
  algorithm: AkaAlgorithm,
  rand: Uint8Array,
  sqnMs: Uint8Array,
): Uint8Array {
  const macS = algorithm.f1star(rand, sqnMs, AMF_OF_AUTS);
  requireOctets('MAC-S', macS, MAC_OCTETS);
  return concat(xor(sqnMs, algorithm.f5star(rand)), macS);
}

/**
 * SQN_MS out of a genuine AUTS: 6 octets (6.3.5).
 * @throws AkaError ERR_AKA_MAC_FAILURE; RangeError unless RAND has 16 octets and AUTS 14.
 */
export function openAuts(algorithm: AkaAlgorithm, rand: Uint8Array, auts: Uint8Array): Uint8Array {
  requireOctets('AUTS', auts, 14);
  const sqnMs = xor(auts.subarray(0, 6), algorithm.f5star(rand));
  if (!equalSecret(algorithm.f1star(rand, sqnMs, AMF_OF_AUTS), auts.subarray(6))) {
    throw new AkaError('ERR_AKA_MAC_FAILURE', 'this AUTS is not from the SIM of that subscriber');
  }
  return sqnMs;
}

const MAC_OCTETS = 8;
const AMF_OF_AUTS = new Uint8Array(2);
