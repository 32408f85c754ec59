/** A SIM and its HSS in memory, with the keys of TS 35.208 test set 1; they count their runs. */
import { deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import { createMilenage } from '../../src/aka/milenage.ts';
import { buildAuts, buildVector, openAutn } from '../../src/aka/vector.ts';
import { GbaError, SyncFailure } from '../../src/errors.ts';
import type { Impi } from '../../src/ids.ts';
import { fromHex, toHex, uintBytes, wipe } from '../../src/lib/bytes.ts';
import type { AuthenticationVector, Hss, NafKeySource, Usim } from '../../src/ports.ts';

export interface Sim {
  readonly hss: Hss & { readonly vectors: AuthenticationVector[] };
  readonly usim: Usim & {
    /** How often AUTHENTICATE was run, with any outcome. */
    readonly runs: number;
    /** The most that ran at one time. */
    readonly mostAtOnce: number;
    /** How many key sources are out that were not wiped. */
    readonly unwiped: number;
  };
}

export function createSim(impi: Impi): Sim {
  const algorithm = createMilenage({
    k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
    opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
  });
  const used = new Set<string>();
  const vectors: AuthenticationVector[] = [];
  let sqn = 0;
  let [runs, running, mostAtOnce, unwiped] = [0, 0, 0, 0];

  const keySource = (ks: Uint8Array, rand: Uint8Array): NafKeySource => {
    let live = true;
    unwiped += 1;
    return {
      derive(nafId) {
        if (!live) return Promise.reject(new TypeError('the key source was wiped'));
        return Promise.resolve(deriveKsNaf({ ks, rand, impi, nafId }));
      },
      wipe() {
        if (live) unwiped -= 1;
        live = false;
        wipe(ks);
      },
    };
  };

  return {
    hss: {
      vectors,
      vector() {
        sqn += 32;
        const rand = Uint8Array.from({ length: 16 }, (_, i) => ((sqn >>> 5) * 7 + i) & 0xff);
        const input = { rand, sqn: uintBytes(sqn, 6), amf: fromHex('8000') };
        const vector = buildVector(algorithm, input);
        vectors.push(vector);
        return Promise.resolve(vector);
      },
      resynchronise: () => Promise.reject(new GbaError('ERR_AKA_MAC_FAILURE', 'not in this test')),
    },
    usim: {
      impi,
      async authenticate(rand, autn) {
        runs += 1;
        running += 1;
        mostAtOnce = Math.max(mostAtOnce, running);
        await new Promise(setImmediate);
        running -= 1;
        const opened = openAutn(algorithm, rand, autn);
        const seen = toHex(opened.sqn);
        if (used.has(seen)) throw new SyncFailure(buildAuts(algorithm, rand, opened.sqn));
        used.add(seen);
        return keySource(ksOf(opened.ck, opened.ik), rand);
      },
      get runs() {
        return runs;
      },
      get mostAtOnce() {
        return mostAtOnce;
      },
      get unwiped() {
        return unwiped;
      },
    },
  };
}
