/** Changes the store in the folder of argv, and is killed before the change is made. */
import { openFileStore } from '../../src/store/file-store.ts';

const store = await openFileStore({ folder: process.argv[2] ?? '', name: 'hss' });
await store.update('n', () => {
  process.kill(process.pid, 'SIGKILL');
  return { value: Uint8Array.of(99), result: undefined };
});
