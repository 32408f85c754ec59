/** Fills the file system of the folder in argv under an open store, and prints what became of updates. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GbaError } from '../../src/errors.ts';
import { openFileStore } from '../../src/store/file-store.ts';

const folder = process.argv[2] ?? '';
const filling = join(folder, 'filling');
const store = await openFileStore({ folder, name: 'hss' });

const count = (key: string): Promise<number> =>
  store.update(key, (stored) => {
    const next = (stored?.[0] ?? 0) + 1;
    return { value: Uint8Array.of(next), result: next };
  });

async function countNewKeys(prefix: string): Promise<{ made: number; error?: object }> {
  for (let made = 0; made < 30; made += 1) {
    try {
      await count(`${prefix}${made}`);
    } catch (error) {
      if (!(error instanceof GbaError)) throw error;
      const { code, message, retryable } = error;
      return { made, error: { code, message, retryable } };
    }
  }
  return { made: 30 };
}

await count('old');
// The table has 16 KiB of 64. With 8 KiB left it can grow by half of what it wants.
writeFileSync(filling, Buffer.alloc(40 * 1_024));
const nearlyFull = await countNewKeys('a');
try {
  writeFileSync(filling, Buffer.alloc(64 * 1_024));
} catch {
  // Not one octet is left.
}
const full = await countNewKeys('b');
let old = 0;
for (let i = 0; i < 100; i += 1) old = await count('old');
rmSync(filling);
const freed = await countNewKeys('c');
await store.close();
const again = await openFileStore({ folder, name: 'hss' });
const kept = await again.update('old', (stored) => ({ value: undefined, result: stored?.[0] }));
process.stdout.write(JSON.stringify({ nearlyFull, full, old, freed, kept }));
