/** The secrets of one SIM, for whichever algorithm its operator chose (TS 33.102 6.3, TS 35.206, TS 35.231). */
import type { AkaAlgorithm } from './algorithm.ts';
import { createMilenage, type MilenageKeys } from './milenage.ts';
import { createTuak, type TuakOptions } from './tuak.ts';

/** GBA needs CK and IK of 16 octets each and a MAC of 8 in AUTN, so of TUAK's sizes only RES varies. */
export type AkaCredentials =
  | ({ readonly algorithm: 'milenage' } & MilenageKeys)
  | ({ readonly algorithm: 'tuak' } & Omit<TuakOptions, 'sizes'> & {
        /** Bits. Default 64. */
        readonly resBits?: 32 | 64 | 128;
      });

/** @throws RangeError for a key of the wrong length. */
export function createAlgorithm(credentials: AkaCredentials): AkaAlgorithm {
  if (credentials.algorithm === 'milenage') return createMilenage(credentials);
  const { resBits: res = 64, ...options } = credentials;
  return createTuak({ ...options, sizes: { mac: 64, res, ck: 128, ik: 128 } });
}
