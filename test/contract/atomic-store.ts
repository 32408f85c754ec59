/** What every AtomicStore keeps (src/ports.ts); each implementation runs it. */
import type { TestFn } from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/errors.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { AtomicStore } from '../../src/ports.ts';

/** Adds the suite to a test file; `open` gives an empty store each time. */
export function atomicStoreContract(
  test: TestFn,
  name: string,
  open: () => Promise<AtomicStore>,
): void {
  const read = (store: AtomicStore, key: string): Promise<string | undefined> =>
    store.update(key, (stored) => ({ value: undefined, result: stored && toHex(stored) }));
  const write = (store: AtomicStore, key: string, ...octets: number[]): Promise<void> =>
    store.update(key, () => ({ value: Uint8Array.from(octets), result: undefined }));

  test(`${name}: a key that was never written is undefined, and reading does not write it`, async (t) => {
    const store = await open();
    t.is(await read(store, 'a'), undefined);
    t.is(await read(store, 'a'), undefined);
    await store.close();
  });

  test(`${name}: a value is there for the next update of its key and no other`, async (t) => {
    const store = await open();
    await write(store, 'a', 1, 2, 0);
    await write(store, 'b');
    t.is(await read(store, 'a'), '010200');
    t.is(await read(store, 'b'), '');
    t.is(await read(store, 'A'), undefined);
    await write(store, 'a', 9);
    t.is(await read(store, 'a'), '09');
    await store.close();
  });

  test(`${name}: a change that throws writes nothing, and its own error comes out`, async (t) => {
    const store = await open();
    await write(store, 'a', 1);
    const refusal = new RangeError('refused');
    const thrown = await t.throwsAsync(
      store.update('a', () => {
        throw refusal;
      }),
    );
    t.is(thrown, refusal);
    t.is(await read(store, 'a'), '01');
    await write(store, 'a', 2);
    t.is(await read(store, 'a'), '02');
    await store.close();
  });

  test(`${name}: what a caller does with its octets later changes nothing inside`, async (t) => {
    const store = await open();
    const written = Uint8Array.of(1, 2);
    await store.update('a', () => ({ value: written, result: undefined }));
    written.fill(7);
    const seen = await store.update('a', (stored) => ({ value: undefined, result: stored }));
    seen?.fill(8);
    t.is(await read(store, 'a'), '0102');
    await store.close();
  });

  test(`${name}: updates that start together all count`, async (t) => {
    const store = await open();
    const increment = (): Promise<number> =>
      store.update('n', (stored) => {
        const count = (stored?.[0] ?? 0) + 1;
        return { value: Uint8Array.of(count), result: count };
      });
    const counts = await Promise.all(Array.from({ length: 200 }, increment));
    t.is(new Set(counts).size, 200);
    t.is(Math.max(...counts), 200);
    await store.close();
  });

  test(`${name}: any octets under any identity come back`, async (t) => {
    const store = await open();
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme-ascii' }),
        fc.uint8Array({ maxLength: 300 }),
        async (key, octets) => {
          await write(store, key, ...octets);
          t.is(await read(store, key), toHex(octets));
        },
      ),
    );
    await store.close();
  });

  test(`${name}: a closed store refuses, and may be closed again`, async (t) => {
    const store = await open();
    await store.close();
    await store.close();
    await t.throwsAsync(read(store, 'a'), {
      instanceOf: StoreError,
      code: 'ERR_STORE_UNAVAILABLE',
    });
  });
}
