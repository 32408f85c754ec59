/** A USIM in software, and the Ks that it leaves on the ME (TS 33.102 6.3.3, TS 33.220 4.5.2). */
import { deriveKsNaf, ksOf } from '../aka/kdf.ts';
import { createMilenage } from '../aka/milenage.ts';
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
import type { Impi } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import type { AtomicStore, NafKeySource, Usim } from '../ports.ts';
import type { UsimCredentials } from '../store/subscribers.ts';

export interface UsimOptions {
  readonly credentials: UsimCredentials;
  /** Holds SEQ_MS of this USIM under `usim/sqn/<IMPI>`. */
  readonly store: AtomicStore;
}

export function createUsim({ credentials, store }: UsimOptions): Usim {
  const { impi } = credentials;
  const algorithm = createMilenage(credentials);

  return {
    impi,
    async authenticate(rand, autn) {
      const { sqn, res, ck, ik } = openAutn(algorithm, rand, autn);
      try {
        await store.update(`usim/sqn/${impi}`, (stored) => {
          const array = stored === undefined ? NEW_ARRAY : decodeArray(stored);
          const verdict = acceptSqn(array, decodeSqn(sqn));
          if (verdict.accepted) return { value: encodeArray(verdict.array), result: undefined };
          throw new SyncFailure(buildAuts(algorithm, rand, encodeSqn(verdict.sqnMs)));
        });
        return keySource(ksOf(ck, ik), Uint8Array.from(rand), impi);
      } finally {
        wipe(res, ck, ik);
      }
    },
  };
}

/** Ks on the ME. It owns `ks`. */
function keySource(ks: Uint8Array, rand: Uint8Array, impi: Impi): NafKeySource {
  let wiped = false;
  return {
    derive: (nafId) =>
      new Promise((resolve) => {
        if (wiped) throw new TypeError('Ks was wiped: authenticate again with a fresh challenge');
        resolve(deriveKsNaf({ ks, rand, impi, nafId }));
      }),
    wipe() {
      wiped = true;
      wipe(ks);
    },
  };
}
