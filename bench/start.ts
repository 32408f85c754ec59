/**
 * The start of a NAF that holds many associations: opening the store, recovery, listening, memory; then
 * handshakes of random ones, the end of the process, and all of them expiring at the same moment.
 *
 *   node --import=ts-blank-space/register bench/start.ts [--associations N] [--rounds N] [--against FOLDER]
 *
 * Each round is a NAF process of its own; `--against` names another checkout, measured in turn with this one.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { loadTlsPolicy, systemClock } from '../src/index.ts';
import type * as Api from '../src/index.ts';
import { pskIdentityOf } from '../src/ids.ts';
import { dialPsk } from '../src/net/psk-client.ts';
import { announce } from '../src/sa/association.ts';
import { saveResult, type Unit } from './lib/result.ts';
import { machine, number, quantile, recordOf, spread } from './lib/run.ts';
import type { Ended, StartOrder, Started } from './ends/start-naf.ts';

const { values } = parseArgs({
  options: {
    associations: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    handshakes: { type: 'string', default: '200' },
    against: { type: 'string' },
  },
});
const [count, rounds, handshakes] = [values.associations, values.rounds, values.handshakes].map(
  Number,
) as [number, number, number];
const expireAt = Date.now() + 3_600_000;
const policy = loadTlsPolicy();

async function startNaf(order: StartOrder): Promise<{ naf: ChildProcess; started: Started }> {
  const file = fileURLToPath(new URL('ends/start-naf.ts', import.meta.url));
  const naf = fork(file, [JSON.stringify(order)], {
    execArgv: [...process.execArgv, '--expose-gc'],
  });
  const [started] = (await once(naf, 'message')) as [Started];
  return { naf, started };
}

/** Of random associations, one after another, by B-TID and by P-TID in turn; ms each. */
async function shakeHands(port: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < handshakes; i += 1) {
    const { key, ...terms } = recordOf(Math.floor(Math.random() * count), expireAt);
    const sa = announce(terms, key);
    const identity = pskIdentityOf((i % 2 === 0 ? undefined : sa.pTid) ?? sa.bTid);
    const dial = { host: '127.0.0.1', port, sa, identity, policy, clock: systemClock };
    const { socket, handshakeMs } = await dialPsk(dial);
    socket.destroy();
    times.push(handshakeMs);
  }
  return times.sort((a, b) => a - b);
}

/** A store full of associations, written by that checkout. */
async function fill(root: string): Promise<string> {
  const store = mkdtempSync(join(tmpdir(), 'gba-push-start-'));
  const api = (await import(pathToFileURL(join(root, 'src/index.ts')).href)) as typeof Api;
  const storeKey = api.openStoreKey(join(store, 'store.key'));
  const file = api.openSaFile({ folder: store, storeKey });
  for (let n = 0; n < count; n += 1) file.put(recordOf(n, expireAt));
  file.close();
  return store;
}

const here = fileURLToPath(new URL('..', import.meta.url));
const roots = [...(values.against === undefined ? [] : [values.against]), here];
interface Noted {
  readonly unit: Unit;
  readonly rounds: number[];
}
const results = new Map(roots.map((root) => [root, new Map<string, Noted>()]));
const stores = new Map<string, string>();

console.log(machine());
console.log(`${count} announced associations, ${rounds} rounds; min / median / max`);
for (const root of roots) stores.set(root, await fill(root));

for (let round = 0; round < rounds; round += 1) {
  for (const [root, store] of stores) {
    const note = (name: string, unit: Unit, value: number): void => {
      const noted = results.get(root)?.get(name);
      if (noted === undefined) results.get(root)?.set(name, { unit, rounds: [value] });
      else noted.rounds.push(value);
    };
    const { naf, started } = await startNaf({ root, folder: store });
    if (started.associations !== count) throw new Error(`${started.associations} are there`);
    note('store opened', 'ms', started.openMs);
    note('registry recovered', 'ms', started.recoverMs);
    note('listening', 'ms', started.listenMs);
    note('start in all', 'ms', started.openMs + started.recoverMs + started.listenMs);
    note('CPU of the start', 'ms', started.cpuMs);
    note('RSS per association', 'octets', started.rssOctets / count);
    note('heap and keys per association', 'octets', started.keptOctets / count);
    note('handshake p50', 'ms', quantile(await shakeHands(started.port), 0.5));
    naf.send('close');
    const [closed] = (await once(naf, 'message')) as [Ended];
    note('closed', 'ms', closed.endMs);
    note('blocked while closing', 'ms', closed.blockedMs);
    if (naf.exitCode === null) await once(naf, 'exit');

    // Time enough for another start, however busy the machine is.
    const expireAfterMs = 5_000 + 3 * (started.openMs + started.recoverMs);
    const folder = `${store}.expiring`;
    cpSync(store, folder, { recursive: true });
    const second = await startNaf({
      root,
      folder,
      expire: { at: expireAt, afterMs: expireAfterMs },
    });
    const [expired] = (await once(second.naf, 'message')) as [Ended];
    note('all expired at once', 'ms', expired.endMs);
    note('blocked while expiring', 'ms', expired.blockedMs);
    second.naf.kill();
    await once(second.naf, 'exit');
    rmSync(folder, { recursive: true });
  }
}
for (const store of stores.values()) rmSync(store, { recursive: true });

const [first = here] = roots;
for (const [name, { unit, rounds: mine }] of results.get(here) ?? []) {
  const { min, median, max } = spread(mine);
  const theirs = spread(results.get(first)?.get(name)?.rounds ?? []).median;
  const ratio =
    first === here ? '' : `   before ${number(theirs, 1)}, ${number(theirs / median, 2)} x`;
  console.log(
    `${`${name}, ${unit}`.padEnd(38)} ${number(min, 1)} / ${number(median, 1)} / ${number(max, 1)}${ratio}`,
  );
}

saveResult({
  name: 'start',
  about:
    `A NAF that holds ${count} announced associations on disk: each round a process of its own that starts, ` +
    'serves handshakes of random ones, and ends; and one in which all of them expire at one moment.',
  notes: [
    `The handshakes are ${handshakes} a round, one after another, by B-TID and P-TID in turn.`,
  ],
  series: Array.from(results, ([root, noted]) =>
    Array.from(noted, ([figure, { unit, rounds }]) => ({
      subject: root === here ? 'gba-push' : 'gba-push before',
      ...{ figure, unit, conditions: { associations: count }, rounds },
    })),
  ).flat(),
});
