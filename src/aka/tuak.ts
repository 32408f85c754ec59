/** TUAK: f1 to f5* and TOPc on Keccak-f[1600] (TS 35.231). */
import { keccakP } from '@noble/hashes/sha3.js';
import { requireOctets, utf8Bytes, wipe } from '../lib/bytes.ts';
import type { AkaAlgorithm } from './algorithm.ts';

/** Sizes that an operator chooses once, bits. */
export interface TuakSizes {
  readonly mac: 64 | 128 | 256;
  readonly res: 32 | 64 | 128 | 256;
  readonly ck: 128 | 256;
  readonly ik: 128 | 256;
}

/** The secrets and choices of a TUAK SIM. */
export interface TuakOptions {
  /** 16 or 32 octets. */
  readonly k: Uint8Array;
  /** 32 octets. */
  readonly topc: Uint8Array;
  /** Default: the sizes of Milenage. */
  readonly sizes?: TuakSizes;
  /** How often the permutation runs. Default 1. */
  readonly iterations?: number;
}

const MILENAGE_SIZES: TuakSizes = { mac: 64, res: 64, ck: 128, ik: 128 };

/** TOPc of TOP and K, 32 octets (TS 35.231 6.1). `top` is 32 octets, `k` 16 or 32. @throws RangeError. */
export function deriveTopc(k: Uint8Array, top: Uint8Array, iterations = 1): Uint8Array {
  requireOctets('TOP', top, 32);
  return permute({ instance: longKeyBit(k), top, k }, iterations, [[0, 32]])[0];
}

/** @throws RangeError for an argument of another size. */
export function createTuak(options: TuakOptions): AkaAlgorithm {
  const { k, topc: top, sizes = MILENAGE_SIZES, iterations = 1 } = options;
  requireOctets('TOPc', top, 32);
  const keyBit = longKeyBit(k);
  const sizeBits = { 32: 0x00, 64: 0x08, 128: 0x10, 256: 0x20 } as const;
  const f1Instance = sizeBits[sizes.mac] + keyBit;
  const f2345Instance =
    F2345 + sizeBits[sizes.res] + (sizes.ck === 256 ? 4 : 0) + (sizes.ik === 256 ? 2 : 0) + keyBit;

  const mac = (instance: number, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array =>
    permute({ instance, top, k, rand, sqn, amf }, iterations, [[0, sizes.mac / 8]])[0];

  return {
    f1: (rand, sqn, amf) => mac(f1Instance, rand, sqn, amf),
    f1star: (rand, sqn, amf) => mac(RESYNC + f1Instance, rand, sqn, amf),
    f2345(rand) {
      const [res, ck, ik, ak] = permute({ instance: f2345Instance, top, k, rand }, iterations, [
        [0, sizes.res / 8],
        [32, sizes.ck / 8],
        [64, sizes.ik / 8],
        [96, AK_OCTETS],
      ]);
      return { res, ck, ik, ak };
    },
    f5star: (rand) =>
      permute({ instance: RESYNC + F2345 + keyBit, top, k, rand }, iterations, [
        [96, AK_OCTETS],
      ])[0],
  };
}

interface Input {
  readonly instance: number;
  /** TOP for TOPc, else TOPc. */
  readonly top: Uint8Array;
  readonly k: Uint8Array;
  readonly rand?: Uint8Array;
  readonly amf?: Uint8Array;
  readonly sqn?: Uint8Array;
}

type Field = readonly [offset: number, octets: number];

/** Fills the 1,600-bit state, permutes it, and reads fields; every field lies in it with its octets reversed. */
function permute<const F extends readonly Field[]>(
  { instance, top, k, rand, amf, sqn }: Input,
  iterations: number,
  fields: F,
): { [I in keyof F]: Uint8Array } {
  const state = new Uint8Array(200);
  const put = (offset: number, field: Uint8Array): void => {
    state.set(field.toReversed(), offset);
  };
  const putExactly = (name: string, offset: number, field: Uint8Array, octets: number): void => {
    requireOctets(name, field, octets);
    put(offset, field);
  };
  put(0, top);
  state[32] = instance;
  put(33, ALGONAME);
  if (rand) putExactly('RAND', 40, rand, 16);
  if (amf) putExactly('AMF', 56, amf, 2);
  if (sqn) putExactly('SQN', 58, sqn, 6);
  put(64, k);
  state[96] = 0x1f;
  state[135] = 0x80;
  const words = new Uint32Array(state.buffer);
  for (let i = 0; i < iterations; i++) keccakP(words, 24);
  const output = fields.map(([offset, octets]) => state.slice(offset, offset + octets).reverse());
  wipe(state);
  return output as { [I in keyof F]: Uint8Array };
}

/** The lowest bit of INSTANCE says that K has 256 bits. */
function longKeyBit(k: Uint8Array): 0 | 1 {
  if (k.length !== 16) requireOctets('K', k, 32);
  return k.length === 32 ? 1 : 0;
}

const ALGONAME = utf8Bytes('TUAK1.0');
const F2345 = 0x40;
const RESYNC = 0x80;
const AK_OCTETS = 6;
