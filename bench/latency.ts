/**
 * One push at a time: over the layer that is open (reuse), after a new handshake under the same key
 * (reconnect), and from nothing (bootstrap), interleaved in one run over loopback.
 *
 *   node --import=ts-blank-space/register bench/latency.ts [--samples N] [--tls 1.2]
 *
 * Every figure is what the NAF's receipt says. `reconnect` counts from the UE's TCP connection: the pause
 * that a UE makes before it dials again is left out. `bootstrap` counts from the acceptance of the push.
 */
import { parseArgs } from 'node:util';
import type { Receipt, TlsBinding } from '../src/index.ts';
import { openWire } from '../src/cli/demo-wire.ts';
import { machine, number, openBench, quantile } from './_run.ts';

const { values } = parseArgs({
  options: { samples: { type: 'string', default: '200' }, tls: { type: 'string', default: '1.3' } },
});
const samples = Number(values.samples);
const binding: TlsBinding =
  values.tls === '1.2'
    ? { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' }
    : { version: '1.3' };
const payload = Buffer.alloc(100, 'x');
const REUSES_PER_SAMPLE = 10;

const wire = await openWire();
const bench = await openBench({ binding, advertise: wire.address });
const results = { reuse: [] as number[], reconnect: [] as number[], bootstrap: [] as number[] };

function acked(receipt: Receipt, via: Receipt['via']): Receipt {
  if (receipt.state === 'acked' && receipt.via === via) return receipt;
  throw new Error(`expected acked via ${via ?? ''}: ${JSON.stringify(receipt)}`);
}

for (let i = 0; i < samples; i++) {
  const naf = await bench.listen();
  wire.leadTo(naf.address);
  const push = (): Promise<Receipt> => naf.push(bench.impi, payload);
  results.bootstrap.push(acked(await push(), 'bootstrap').ms.total);
  for (let n = 0; n < REUSES_PER_SAMPLE; n++) {
    results.reuse.push(acked(await push(), 'reuse').ms.total);
  }
  wire.cut();
  const { ms } = acked(await push(), 'reconnect');
  results.reconnect.push(ms.handshake + ms.push);
  await naf.drain();
}

console.log(machine());
console.log(
  `TLS ${binding.version}, ${payload.length} octets, ${samples} samples, one push in flight, ms`,
);
const reuse = results.reuse.sort((a, b) => a - b);
for (const [mode, measured] of Object.entries(results)) {
  const sorted = measured.sort((a, b) => a - b);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => quantile(sorted, q)) as [
    number,
    number,
    number,
  ];
  const times = number(p50 / quantile(reuse, 0.5), 1);
  console.log(
    `${mode.padEnd(10)} p50 ${number(p50, 3)}  p90 ${number(p90, 3)}  p99 ${number(p99, 3)}  ` +
      `max ${number(sorted.at(-1) ?? NaN, 3)}   ${times} x reuse`,
  );
}
await bench.close();
await wire.close();
