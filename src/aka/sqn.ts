/** Sequence numbers: how an HSS allots them and a USIM accepts them (TS 33.102 Annex C). */
import { AkaError, StoreError } from '../errors.ts';
import { ByteReader, concat, requireOctets, uintBytes, view } from '../lib/bytes.ts';

/** SQN = SEQ (43 bits) || IND (5 bits), as C.1.1.1 and the example profiles of C.3 have it. */
export interface Sqn {
  readonly seq: number;
  readonly ind: number;
}

/** Who a vector is for: each use owns half of the IND values, so neither overtakes the other. */
export type SqnUse = 'push' | 'ub';

/** What the HSS remembers of one subscriber. */
export interface SqnGenerator {
  /** SEQ_HE: of the newest vector. */
  readonly seq: number;
  /** The IND of the next vector of each use: push 16 to 31, Ub 0 to 15. */
  readonly nextInd: Readonly<Record<SqnUse, number>>;
}

/** What the USIM remembers: SEQ_MS(0) to SEQ_MS(31), the highest SEQ accepted for each IND. */
export type SqnArray = readonly number[];

/** Out of range carries SQN_MS, the highest SQN that was accepted, for AUTS. */
export type SqnVerdict =
  | { readonly accepted: true; readonly array: SqnArray }
  | { readonly accepted: false; readonly sqnMs: Sqn };

export const IND_VALUES = 32;
export const SEQ_MAX = 2 ** 43 - 1;
/** How far SEQ may leap ahead of SEQ_MS (C.2.1, C.3). There is no age limit. */
export const DELTA = 2 ** 28;

export const NEW_GENERATOR: SqnGenerator = { seq: 0, nextInd: { push: 16, ub: 0 } };
export const NEW_ARRAY: SqnArray = new Array<number>(IND_VALUES).fill(0);

/** The 6 octets of SEQ || IND. */
export function encodeSqn({ seq, ind }: Sqn): Uint8Array {
  return uintBytes(seq * IND_VALUES + ind, SQN_OCTETS);
}

/** Any 6 octets are an SQN. @throws RangeError when there are not 6. */
export function decodeSqn(octets: Uint8Array): Sqn {
  requireOctets('SQN', octets, SQN_OCTETS);
  const sqn = view(octets).readUIntBE(0, SQN_OCTETS);
  return { seq: Math.floor(sqn / IND_VALUES), ind: sqn % IND_VALUES };
}

/**
 * The next SQN of a use: SEQ_HE + 1 and that use's next IND. Commit `generator` before the SQN is seen.
 * @throws AkaError ERR_AKA_SQN_EXHAUSTED when SEQ would wrap; the SIM must be replaced then.
 */
export function allotSqn(from: SqnGenerator, use: SqnUse): { sqn: Sqn; generator: SqnGenerator } {
  if (from.seq >= SEQ_MAX) {
    throw new AkaError('ERR_AKA_SQN_EXHAUSTED', 'no sequence number is left: replace the SIM');
  }
  const sqn = { seq: from.seq + 1, ind: from.nextInd[use] };
  const ind = FIRST_IND[use] + ((sqn.ind + 1 - FIRST_IND[use]) % IND_PER_USE);
  return { sqn, generator: { seq: sqn.seq, nextInd: { ...from.nextInd, [use]: ind } } };
}

/**
 * SEQ_HE after a genuine AUTS: that of SQN_MS when the next SQN would not be accepted, else unchanged
 * (TS 33.102 6.3.5). It goes back only where the SIM, more than DELTA behind, refuses what was allotted.
 */
export function resynchroniseSqn(generator: SqnGenerator, sqnMs: Sqn): SqnGenerator {
  const next = generator.seq + 1;
  const inRange = next > sqnMs.seq && next - sqnMs.seq <= DELTA;
  return inRange ? generator : { ...generator, seq: sqnMs.seq };
}

/** Fresh is SEQ > SEQ_MS(IND), and at most DELTA above the highest SEQ accepted for any IND (C.2). */
export function acceptSqn(array: SqnArray, sqn: Sqn): SqnVerdict {
  const highest = Math.max(...array);
  const fresh = sqn.seq - highest <= DELTA && sqn.seq > (array[sqn.ind] ?? SEQ_MAX);
  return fresh
    ? { accepted: true, array: array.with(sqn.ind, sqn.seq) }
    : { accepted: false, sqnMs: { seq: highest, ind: array.indexOf(highest) } };
}

/** 9 octets: layout 01, SEQ_HE (6), next IND for push, next IND for Ub. */
export function encodeGenerator({ seq, nextInd }: SqnGenerator): Uint8Array {
  return concat(
    uintBytes(LAYOUT, 1),
    uintBytes(seq, SEQ_OCTETS),
    uintBytes(nextInd.push, 1),
    uintBytes(nextInd.ub, 1),
  );
}

/** @throws StoreError ERR_STORE_CORRUPT for anything that `encodeGenerator` does not write. */
export function decodeGenerator(octets: Uint8Array): SqnGenerator {
  const reader = openState(octets);
  const seq = readSeq(reader);
  const nextInd = { push: reader.uint(1), ub: reader.uint(1) };
  const inHalf = (use: SqnUse): boolean =>
    nextInd[use] >= FIRST_IND[use] && nextInd[use] < FIRST_IND[use] + IND_PER_USE;
  if (reader.left > 0 || !inHalf('push') || !inHalf('ub')) throw corrupt();
  return { seq, nextInd };
}

/** 193 octets: layout 01, then 32 times SEQ_MS (6). */
export function encodeArray(array: SqnArray): Uint8Array {
  const out = new Uint8Array(ARRAY_OCTETS);
  const state = view(out);
  state[0] = LAYOUT;
  for (let ind = 0; ind < IND_VALUES; ind += 1) {
    state.writeUIntBE(array[ind] ?? 0, 1 + ind * SEQ_OCTETS, SEQ_OCTETS);
  }
  return out;
}

/** @throws StoreError ERR_STORE_CORRUPT for anything that `encodeArray` does not write. */
export function decodeArray(octets: Uint8Array): SqnArray {
  if (octets.length !== ARRAY_OCTETS || octets[0] !== LAYOUT) throw corrupt();
  const state = view(octets);
  const array: number[] = [];
  for (let at = 1; at < ARRAY_OCTETS; at += SEQ_OCTETS) {
    const seq = state.readUIntBE(at, SEQ_OCTETS);
    if (seq > SEQ_MAX) throw corrupt();
    array.push(seq);
  }
  return array;
}

function openState(octets: Uint8Array): ByteReader {
  const reader = new ByteReader(octets, corrupt);
  if (reader.uint(1) !== LAYOUT) throw corrupt();
  return reader;
}

function readSeq(reader: ByteReader): number {
  const seq = reader.uint(SEQ_OCTETS);
  if (seq > SEQ_MAX) throw corrupt();
  return seq;
}

function corrupt(): StoreError {
  return new StoreError(
    'ERR_STORE_CORRUPT',
    'a stored SQN state is damaged or of another version: restore the state folder from a copy',
  );
}

const LAYOUT = 1;
const SQN_OCTETS = 6;
const SEQ_OCTETS = 6;
const ARRAY_OCTETS = 1 + IND_VALUES * SEQ_OCTETS;
const IND_PER_USE = IND_VALUES / 2;
const FIRST_IND: Readonly<Record<SqnUse, number>> = { push: 16, ub: 0 };
