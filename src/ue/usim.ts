/** A USIM in software, with Ks on the ME or, in GBA_U, behind it (TS 33.102 6.3.3, TS 33.220 4.5.2, 5.3). */
import { createAlgorithm } from '../aka/credentials.ts';
import { deriveKsIntNaf, deriveKsNaf, ksOf, swapAutnStar } from '../aka/kdf.ts';
import {
  acceptSqn,
  decodeArray,
  decodeSqn,
  encodeArray,
  encodeSqn,
  NEW_ARRAY,
} from '../aka/sqn.ts';
import { buildAuts, openAutn } from '../aka/vector.ts';
import { SyncFailure } from '../errors.ts';
import type { Impi, NafId } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { AtomicStore, GbaType, NafKeySource, Usim } from '../ports.ts';
import type { UsimCredentials } from '../store/subscribers.ts';

/** What a USIM in software is made of. */
export interface UsimOptions {
  readonly credentials: UsimCredentials;
  /** Holds SEQ_MS of this USIM under `usim/sqn/<IMPI>`. */
  readonly store: AtomicStore;
}

/** A USIM in software: SEQ_MS is committed before keys come out. See the port `Usim` for what it throws. */
export function createUsim({ credentials, store }: UsimOptions): Usim {
  const { impi, uiccType } = credentials;
  const algorithm = createAlgorithm(credentials);

  /** AUTN out of AUTN*: the card knows IK from RAND alone (TS 33.220 5.3.2). */
  const unstar = (rand: Uint8Array, autnStar: Uint8Array): Uint8Array => {
    const { res, ck, ik, ak } = algorithm.f2345(rand);
    const autn = swapAutnStar(autnStar, ik);
    wipe(res, ck, ik, ak);
    return autn;
  };

  return {
    impi,
    uiccType,
    async authenticate(rand, token, type = 'GBA_ME') {
      const autn = type === 'GBA_U' ? unstar(rand, token) : token;
      const { sqn, res, ck, ik } = openAutn(algorithm, rand, autn);
      try {
        await store.update(`usim/sqn/${impi}`, (stored) => {
          const array = stored === undefined ? NEW_ARRAY : decodeArray(stored);
          const verdict = acceptSqn(array, decodeSqn(sqn));
          if (verdict.accepted) return { value: encodeArray(verdict.array), result: undefined };
          throw new SyncFailure(buildAuts(algorithm, rand, encodeSqn(verdict.sqnMs)));
        });
        const ks = ksOf(ck, ik);
        return keySource(ks, { rand: Uint8Array.from(rand), res: res.slice(), impi, type });
      } finally {
        wipe(res, ck, ik);
      }
    },
  };
}

/** What a run is known by, beside its Ks. */
interface Run {
  readonly rand: Uint8Array;
  readonly res: Uint8Array;
  readonly impi: Impi;
  readonly type: GbaType;
}

/** It owns `ks`, which nothing gets out of it, and `res`. */
function keySource(ks: Uint8Array, { rand, res, impi, type }: Run): NafKeySource {
  let wiped = false;
  const deriveBy =
    (kdf: typeof deriveKsNaf) =>
    (nafId: NafId): Promise<Uint8Array> =>
      new Promise((resolve) => {
        if (wiped) throw new TypeError('Ks was wiped: authenticate again with a fresh challenge');
        resolve(kdf({ ks, rand, impi, nafId }));
      });
  return {
    res,
    derive: deriveBy(deriveKsNaf),
    ...(type === 'GBA_U' && { deriveInternal: deriveBy(deriveKsIntNaf) }),
    wipe() {
      wiped = true;
      wipe(ks, res);
    },
  };
}
