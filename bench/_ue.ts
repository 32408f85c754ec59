/** The UE of the benchmarks, in a process of its own; its handler does nothing, its log is on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createUsim,
  demoConnectPolicy,
  listenForPushes,
  loadTlsPolicy,
  openHandledLog,
  openMemoryStore,
  readUsim,
} from '../src/index.ts';
import { packageFile } from '../src/store/policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'gba-push-bench-'));
const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
const ue = await listenForPushes({
  usim: createUsim({ credentials, store: openMemoryStore() }),
  listen: { transport: 'udp', host: '127.0.0.1', port: 0 },
  policy: loadTlsPolicy(),
  connectPolicy: demoConnectPolicy,
  versions: ['1.3', '1.2'],
  // One NAF address sends a trigger per bootstrap that is measured.
  triggerRate: { burst: 1_000_000, perSecond: 1_000_000, sources: 8 },
  handler: () => undefined,
  handledLog: openHandledLog(join(folder, 'handled.log')),
});
process.send?.({ trigger: ue.address });
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() });
});
process.once('disconnect', () => {
  void ue.close().then(() => {
    rmSync(folder, { recursive: true, force: true });
  });
});
