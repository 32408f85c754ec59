/** The home subscriber server: vectors whose SQN is used once, from keys that stay here (TS 33.102 6.3). */
import { randomBytes } from 'node:crypto';
import { createAlgorithm } from '../aka/credentials.ts';
import {
  allotSqn,
  decodeGenerator,
  decodeSqn,
  encodeGenerator,
  encodeSqn,
  NEW_GENERATOR,
  resynchroniseSqn,
  type SqnGenerator,
} from '../aka/sqn.ts';
import { buildVector, openAuts } from '../aka/vector.ts';
import { BsfError } from '../errors.ts';
import type { Impi } from '../ids.ts';
import type { AtomicStore, Hss } from '../ports.ts';
import type { SubscriberRecord } from '../store/subscribers.ts';

/** What an HSS is made of. */
export interface HssOptions {
  readonly subscribers: Iterable<SubscriberRecord>;
  /** Holds SQN_HE of every subscriber under `hss/sqn/<IMPI>`; shared by all HSSs of these SIMs. */
  readonly store: AtomicStore;
  /** Unpredictable octets for RAND. Default node:crypto. */
  readonly random?: (octets: number) => Uint8Array;
}

/** An HSS in this process: SQN_HE is committed before a vector leaves. See the port `Hss` for what it throws. */
export function createHss({ subscribers, store, random = randomBytes }: HssOptions): Hss {
  const records = new Map(Array.from(subscribers, (record) => [record.impi, record]));

  const find = (impi: Impi): SubscriberRecord => {
    const record = records.get(impi);
    if (record !== undefined) return record;
    const reason = `no subscriber ${impi}: add its IMSI and keys to the subscribers file`;
    throw new BsfError('ERR_BSF_UNKNOWN_SUBSCRIBER', reason);
  };

  return {
    async vector(impi, use) {
      const record = find(impi);
      const sqn = await store.update(stateKey(impi), (stored) => {
        const next = allotSqn(generatorOf(stored), use);
        return { value: encodeGenerator(next.generator), result: encodeSqn(next.sqn) };
      });
      const input = { rand: random(16), sqn, amf: record.amf };
      return { ...buildVector(createAlgorithm(record), input), uiccType: record.uiccType };
    },
    async resynchronise(impi, rand, auts) {
      const sqnMs = decodeSqn(openAuts(createAlgorithm(find(impi)), rand, auts));
      await store.update(stateKey(impi), (stored) => {
        const generator = resynchroniseSqn(generatorOf(stored), sqnMs);
        return { value: encodeGenerator(generator), result: undefined };
      });
    },
  };
}

function generatorOf(stored: Uint8Array | undefined): SqnGenerator {
  return stored === undefined ? NEW_GENERATOR : decodeGenerator(stored);
}

function stateKey(impi: Impi): string {
  return `hss/sqn/${impi}`;
}
