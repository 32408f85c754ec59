/** An AtomicStore that ends with the process: for tests and demonstrations. */
import { StoreError } from '../errors.ts';
import type { AtomicStore } from '../ports.ts';

/** An AtomicStore that forgets everything when the process ends: for tests and trials. */
export function openMemoryStore(): AtomicStore {
  const values = new Map<string, Uint8Array>();
  let closed = false;

  return {
    update: (key, change) =>
      new Promise((resolve) => {
        if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the store is closed');
        const { value, result } = change(values.get(key)?.slice());
        if (value !== undefined) values.set(key, value.slice());
        resolve(result);
      }),
    close: () => {
      closed = true;
      values.clear();
      return Promise.resolve();
    },
  };
}
