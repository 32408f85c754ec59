/** f1 to f5* and OPc on AES-128 (TS 35.206). */
import { createCipheriv } from 'node:crypto';
import { concat, requireOctets, wipe, xor } from '../lib/bytes.ts';
import type { AkaAlgorithm } from './algorithm.ts';

/** The secrets of a Milenage SIM. */
export interface MilenageKeys {
  /** 16 octets. */
  readonly k: Uint8Array;
  /** 16 octets. */
  readonly opc: Uint8Array;
}

/** OPc = OP xor E_K(OP), 16 octets. @throws RangeError unless K and OP have 16 octets. */
export function deriveOpc(k: Uint8Array, op: Uint8Array): Uint8Array {
  requireOctets('OP', op, BLOCK);
  return xor(op, blockCipher(k)(op));
}

/** Copies the keys. It and its functions throw RangeError for an argument of the wrong length. */
export function createMilenage({ k, opc }: MilenageKeys): AkaAlgorithm {
  requireOctets('OPc', opc, BLOCK);
  const ownOpc = Uint8Array.from(opc);
  const encrypt = blockCipher(k);

  const tempOf = (rand: Uint8Array): Uint8Array => {
    requireOctets('RAND', rand, BLOCK);
    return encrypt(xor(rand, ownOpc));
  };

  /** OUT1 = E_K(TEMP xor rot(IN1 xor OPc, r1) xor c1) xor OPc, IN1 = SQN || AMF || SQN || AMF. */
  const out1 = (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array => {
    requireOctets('SQN', sqn, 6);
    requireOctets('AMF', amf, 2);
    const in1 = concat(sqn, amf, sqn, amf);
    const mixed = new Uint8Array(BLOCK);
    rotateAndAdd(xor(in1, ownOpc), CONSTANTS.out1, mixed);
    return xor(encrypt(xor(tempOf(rand), mixed)), ownOpc);
  };

  /** OUTi = E_K(rot(TEMP xor OPc, ri) xor ci) xor OPc, i = 2 to 5: those that are asked for, one after the other. */
  const outs = (rand: Uint8Array, ...constants: readonly RotationAndConstant[]): Uint8Array => {
    const mixed = xor(tempOf(rand), ownOpc);
    const blocks = new Uint8Array(constants.length * BLOCK);
    for (const [i, constant] of constants.entries()) {
      rotateAndAdd(mixed, constant, blocks.subarray(i * BLOCK, (i + 1) * BLOCK));
    }
    const out = encrypt(blocks);
    for (let i = 0; i < out.length; i += 1) out[i] = (out[i] ?? 0) ^ (ownOpc[i % BLOCK] ?? 0);
    return out;
  };

  return {
    f1: (rand, sqn, amf) => out1(rand, sqn, amf).slice(0, 8),
    f1star: (rand, sqn, amf) => out1(rand, sqn, amf).slice(8, 16),
    f2345: (rand) => {
      const out = outs(rand, CONSTANTS.out2, CONSTANTS.out3, CONSTANTS.out4);
      const keys = {
        res: out.slice(8, 16),
        ck: out.slice(16, 32),
        ik: out.slice(32, 48),
        ak: out.slice(0, 6),
      };
      wipe(out);
      return keys;
    },
    f5star: (rand) => outs(rand, CONSTANTS.out5).slice(0, 6),
  };
}

/** E_K of whole blocks: ECB without padding keeps no state from one block to the next. */
function blockCipher(k: Uint8Array): (blocks: Uint8Array) => Uint8Array {
  requireOctets('K', k, BLOCK);
  const cipher = createCipheriv('aes-128-ecb', k, null).setAutoPadding(false);
  return (blocks) => {
    const { buffer, byteOffset, byteLength } = cipher.update(blocks);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
}

/** `out` = rot(block, r) xor c, where every r is a whole number of octets and every c has one octet set. */
function rotateAndAdd(
  block: Uint8Array,
  { rotate, add }: RotationAndConstant,
  out: Uint8Array,
): void {
  for (let i = 0; i < BLOCK; i += 1) out[i] = block[(i + rotate) % BLOCK] ?? 0;
  out[BLOCK - 1] = (out[BLOCK - 1] ?? 0) ^ add;
}

interface RotationAndConstant {
  /** r, octets to the left. */
  readonly rotate: number;
  /** The last octet of c; the others are zero. */
  readonly add: number;
}

const BLOCK = 16;

/** TS 35.206 4.1: r1 to r5 = 64, 0, 32, 64, 96 bits; c1 to c5 = 0, 1, 2, 4, 8. */
const CONSTANTS = {
  out1: { rotate: 8, add: 0 },
  out2: { rotate: 0, add: 1 },
  out3: { rotate: 4, add: 2 },
  out4: { rotate: 8, add: 4 },
  out5: { rotate: 12, add: 8 },
} as const satisfies Record<string, RotationAndConstant>;
