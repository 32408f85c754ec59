/**
 * Idle layers: how fast a storm of devices connects, and what each layer keeps in memory, beside Node's
 * bare TLS server in the same run; what is above that is ours. Each in a process of its own.
 *
 *   node --import=ts-blank-space/register bench/idle.ts [--layers 2000,5000] [--at-once 64] [--semi-space MiB]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openSaFile, openStoreKey } from '../src/index.ts';
import { machine, number, recordOf } from './_run.ts';
import type { IdleOrder, Used } from './_idle-naf.ts';
import type { DialOrder } from './_idle-ues.ts';

const { values } = parseArgs({
  options: {
    layers: { type: 'string', default: '2000,5000' },
    'at-once': { type: 'string', default: '64' },
    'semi-space': { type: 'string' },
  },
});
const steps = values.layers.split(',').map(Number);
const semiSpace = values['semi-space'];

function start(file: string, order: object, execArgv: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, [JSON.stringify(order)], { execArgv: [...process.execArgv, ...execArgv] });
}

async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  child.send(message);
  const [answer] = (await once(child, 'message')) as [T];
  return answer;
}

/** Asks until there are so many. */
async function usedWith(naf: ChildProcess, layers: number): Promise<Used> {
  for (;;) {
    const used = await ask<Used>(naf, {});
    if (used.layers === layers) return used;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const folder = mkdtempSync(join(tmpdir(), 'gba-push-idle-'));
const store = openSaFile({ folder, storeKey: openStoreKey(join(folder, 'store.key')) });
const expireAt = Date.now() + 3_600_000;
for (let n = 0; n < Math.max(...steps); n += 1) store.put(recordOf(n, expireAt));
store.close();

console.log(machine());
console.log(`${values['at-once']} at once; KiB per layer`);
for (const bare of [true, false]) {
  const order: IdleOrder = { bare, folder };
  const flags = semiSpace === undefined ? [] : [`--max-semi-space-size=${semiSpace}`];
  const naf = start('_idle-naf.ts', order, ['--expose-gc', ...flags]);
  const [{ port }] = (await once(naf, 'message')) as [{ port: number }];
  const ues = start('_idle-ues.ts', {});
  const before = await usedWith(naf, 0);
  let last = before;
  for (const to of steps) {
    const from = last.layers;
    const dial: DialOrder = { port, from, to, atOnce: Number(values['at-once']), bare };
    const { ms } = await ask<{ ms: number }>(ues, dial);
    const used = await usedWith(naf, to);
    const kib = (name: 'rss' | 'heap' | 'external'): string =>
      number((used[name] - before[name]) / to / 1_024, 1);
    console.log(
      `${bare ? 'bare TLS' : 'gba-push'}  ${String(to).padStart(6)} layers  ` +
        `RSS ${kib('rss')}  heap ${kib('heap')}  external ${kib('external')}   ` +
        `${number(((to - from) / ms) * 1_000, 0)} layers/s, ` +
        `${number((used.cpuUs - last.cpuUs) / (to - from), 0)} us CPU each`,
    );
    last = used;
  }
  ues.disconnect();
  naf.disconnect();
  await Promise.all([once(ues, 'exit'), once(naf, 'exit')]);
}
rmSync(folder, { recursive: true });
