/** A thread that opens a store when the gate opens, and tells what it counted in it. */
import { parentPort, workerData } from 'node:worker_threads';
import { openFileStore } from '../../src/store/file-store.ts';

const { folder, gate } = workerData as { folder: string; gate: Int32Array };
parentPort?.postMessage('ready');
Atomics.wait(gate, 0, 0);
const store = await openFileStore({ folder, name: 'a' });
const count = await store.update('n', (stored) => {
  const next = (stored?.[0] ?? 0) + 1;
  return { value: Uint8Array.of(next), result: next };
});
parentPort?.postMessage(count);
