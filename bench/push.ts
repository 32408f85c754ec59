/**
 * Acknowledged pushes over one open layer to one UE: NAF CPU and rate at several windows, beside the
 * floor, in the same run: fixed frames over the same TLS, which nobody parses or records.
 *
 *   node --import=ts-blank-space/register bench/push.ts [--pushes N] [--rounds N] [--windows N,N]
 */
import { parseArgs } from 'node:util';
import { cpuSince, machine, number, openBench, spread } from './_run.ts';
import { openFloor, type Floor } from './_floor.ts';

const { values } = parseArgs({
  options: {
    pushes: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '7' },
    windows: { type: 'string', default: '1,32,1024' },
  },
});
const pushes = Number(values.pushes);
const rounds = Number(values.rounds);
const payload = Buffer.alloc(100, 'x');
const windows = values.windows.split(',').map(Number);

interface Round {
  readonly nafCpuUs: number;
  readonly perSecond: number;
}

/** Keeps `window` pushes in flight until `count` are acknowledged. */
function pump(count: number, window: number, push: (acked: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    let acked = 0;
    const next = (): void => {
      if (sent === count) return;
      sent += 1;
      push(onAcked);
    };
    const onAcked = (): void => {
      acked += 1;
      if (acked === count) resolve();
      else next();
    };
    for (let i = 0; i < window; i++) next();
  });
}

async function measure(
  count: number,
  window: number,
  push: (acked: () => void) => void,
): Promise<Round> {
  await pump(Math.ceil(count / 5), window, push);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await pump(count, window, push);
  const seconds = (performance.now() - startedAt) / 1_000;
  return { nafCpuUs: cpuSince(cpu) / count, perSecond: count / seconds };
}

const bench = await openBench();
const naf = await bench.listen();
const floor: Floor = await openFloor();
const systems: Record<string, (acked: () => void) => void> = {
  'gba-push': (acked) => {
    // A short TTL lets the UE forget ids while the run lasts; each is still recorded on its disk.
    void naf.push(bench.impi, payload, { ttlSeconds: 1 }).then((receipt) => {
      if (receipt.state !== 'acked') throw new Error(`${receipt.id}: ${receipt.reason ?? ''}`);
      acked();
    });
  },
  floor: floor.push,
};

const results = new Map<string, Round[]>();
for (let round = 0; round < rounds; round++) {
  for (const window of windows) {
    const count = window === 1 ? Math.ceil(pushes / 20) : pushes;
    for (const [name, push] of Object.entries(systems)) {
      const key = `${name.padEnd(12)} window ${String(window).padStart(4)}`;
      results.set(key, [...(results.get(key) ?? []), await measure(count, window, push)]);
    }
  }
}

console.log(machine());
console.log(
  `${pushes} pushes of ${payload.length} octets, ${rounds} interleaved rounds, one UE, TLS 1.3; min / median / max`,
);
for (const [key, measured] of results) {
  const cpu = spread(measured.map(({ nafCpuUs }) => nafCpuUs));
  const rate = spread(measured.map(({ perSecond }) => perSecond));
  console.log(
    `${key}  NAF CPU per acked push ${number(cpu.min)} / ${number(cpu.median)} / ${number(cpu.max)} us` +
      `   ${number(rate.min, 0)} / ${number(rate.median, 0)} / ${number(rate.max, 0)} acked/s`,
  );
}
console.log(`full handshakes: ${naf.fullHandshakes}`);
await naf.drain();
await bench.close();
await floor.close();
