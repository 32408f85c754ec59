import test from 'ava';
import { openMemoryStore } from '../../src/store/memory.ts';
import { atomicStoreContract } from '../contract/atomic-store.ts';

atomicStoreContract(test, 'memory', () => Promise.resolve(openMemoryStore()));

test('two memory stores share nothing', async (t) => {
  const [one, other] = [openMemoryStore(), openMemoryStore()];
  await one.update('a', () => ({ value: Uint8Array.of(1), result: undefined }));
  t.is(await other.update('a', (stored) => ({ value: undefined, result: stored })), undefined);
});
