/** The UEs of bench/sides.ts: each is a UE of its own, with its SIM, its trigger port and its layer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createUsim,
  demoConnectPolicy,
  listenForPushes,
  loadTlsPolicy,
  openHandledLog,
  openMemoryHandledLog,
  openMemoryStore,
} from '../../src/index.ts';
import { serveDevices, tallyOf } from './devices.ts';
import { about } from '../lib/orders.ts';
import { tell } from '../lib/payloads.ts';
import { simOf } from '../lib/sims.ts';

export interface UesOrder {
  readonly ues: number;
  readonly log: 'memory' | 'disk';
}

const { ues, log } = about<UesOrder>();
const folder = mkdtempSync(join(tmpdir(), 'gba-push-sides-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
process.once('SIGTERM', () => process.exit());
const policy = loadTlsPolicy();

async function listen(n: number): Promise<number> {
  const ue = await listenForPushes({
    usim: createUsim({ credentials: simOf(n), store: openMemoryStore() }),
    listen: { transport: 'udp', host: '127.0.0.1', port: 0 },
    policy,
    connectPolicy: demoConnectPolicy,
    handler: ({ payload }) => {
      tell(tallyOf(n), payload, 0);
    },
    handledLog:
      log === 'memory'
        ? openMemoryHandledLog()
        : openHandledLog(join(folder, String(n), 'handled.log')),
  });
  return ue.address.port;
}

serveDevices(undefined, {
  listen: async () => {
    const ports: number[] = [];
    for (let n = 0; n < ues; n += 1) ports.push(await listen(n));
    return { ports };
  },
});
