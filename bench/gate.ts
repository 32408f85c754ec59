/**
 * Server CPU per handshake with a PSK gate in front of TLS, against plain `pskCallback`, interleaved in one
 * run over loopback. Each server is a process of its own on the first CPU, the clients are one on the last;
 * each server ends the layer at once.
 *
 *   node --import=ts-blank-space/register bench/gate.ts [--handshakes N] [--rounds N] [--lookup-ms N]
 *     [--versions 1.3,1.2] [--systems plain,peek,naf+remote] [--processes N] [--before FOLDER]
 *
 * `peek` is no gate: it reads the hello of a connection, puts it back and gives TLS the connection, which is
 * what any gate must do; `peek, remote` does so after a timer, which is what any gate must do whose keys are
 * elsewhere. `direct` is a gate whose lookup gives the key, `remote` one whose lookup gives it after the same
 * timer. `naf` is the NAF's own listener with a key that it has; `naf, remote` the same with the gate and a
 * key that it has not. FOLDER is another checkout, whose servers are measured beside those of this one.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TlsVersion } from '../src/async-psk/index.ts';
import {
  AT_ONCE,
  type GateRun,
  type GateServerOrder,
  type GateSystem,
  type GateUse,
} from './ends/gate.ts';
import { pinned, type Place } from './lib/program.ts';
import { saveResult } from './lib/result.ts';
import { machine, number, quantile, spread } from './lib/run.ts';

const { values } = parseArgs({
  options: {
    handshakes: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '9' },
    'lookup-ms': { type: 'string', default: '5' },
    versions: { type: 'string', default: '1.3,1.2' },
    systems: { type: 'string', default: 'plain,peek,peek+remote,direct,remote,naf,naf+remote' },
    processes: { type: 'string', default: '2' },
    before: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const lookupMs = Number(values['lookup-ms']);
const processes = Number(values.processes);
/** A round of all is that many turns of each: what else the machine does meanwhile falls on all alike. */
const TURNS = 5;
const perTurn = Math.ceil(Number(values.handshakes) / TURNS);
const handshakes = perTurn * TURNS;
/**
 * On a busy machine threads that collect garbage together wait for each other, and spin. And the thread that
 * reads TypeScript for Node would collect its own between two rounds, for as much as a hundred handshakes.
 */
const FLAGS = ['--single-threaded-gc', '--no-memory-reducer'];
/** All that a handshake runs is compiled after some thousand of them, later the more of it there is. */
const WARM_UPS = Math.ceil(6_000 / handshakes);

interface Subject {
  readonly name: string;
  readonly version: TlsVersion;
  /** Alike: two processes of one program may differ by some percent for as long as they live. */
  readonly servers: readonly Server[];
  readonly rounds: number[];
}

interface Server {
  readonly process: ChildProcess;
  readonly port: number;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const clients = forkOn('devices', join(here, 'ends/gate-client.ts'));
let next = 0;

function forkOn(
  place: Place,
  file: string,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): ChildProcess {
  const [execPath, ...execArgv] = [...pinned(place), process.execPath, ...process.execArgv];
  return fork(file, args, { execPath, execArgv: [...execArgv, ...flags] });
}

async function start(folder: string, order: GateServerOrder, name: string): Promise<Subject> {
  const servers: Server[] = [];
  while (servers.length < processes) {
    const file = join(folder, 'ends/gate-server.ts');
    const server = forkOn('server', file, [JSON.stringify(order)], FLAGS);
    const [{ port }] = (await once(server, 'message')) as [{ port: number }];
    servers.push({ process: server, port });
  }
  return { name: `TLS ${order.version} ${name}`, version: order.version, servers, rounds: [] };
}

async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  child.send(message);
  const [answer] = (await once(child, 'message')) as [T];
  return answer;
}

/** Microseconds of CPU. @throws Error unless every handshake was proved by its own key. */
async function measure(
  { name, version, servers }: Subject,
  round: number,
  count: number,
): Promise<number> {
  const server = servers[round % servers.length];
  if (server === undefined) throw new Error('no server');
  const before = await ask<GateUse>(server.process, {});
  const run: GateRun = {
    version,
    port: server.port,
    first: next,
    count,
  };
  next += count;
  await ask(clients, run);
  const after = await ask<GateUse>(server.process, {});
  const proved = after.proved - before.proved;
  if (proved !== count) throw new Error(`${name}: ${proved} of ${count} were proved`);
  return after.cpuUs - before.cpuUs;
}

const subjects: Subject[] = [];
for (const version of values.versions.split(',') as TlsVersion[]) {
  for (const each of values.systems.split(',')) {
    const system = each.replace('+', ', ') as GateSystem;
    // In TLS 1.2 the hello names nobody: there is nothing to wait for.
    if (version === '1.2' && system.startsWith('peek')) continue;
    const order: GateServerOrder = { system, version, lookupMs };
    subjects.push(await start(here, order, system));
    if (values.before === undefined || /^(?:plain|peek)/.test(system)) continue;
    subjects.push(await start(join(values.before, 'bench'), order, `${system}, before`));
  }
}
for (let n = 0; n < WARM_UPS * processes; n += 1) {
  for (const subject of subjects) await measure(subject, n, handshakes);
}
for (let round = 0; round < rounds; round += 1) {
  // Whoever comes after a slow one must not always be the same.
  const first = round % subjects.length;
  const order = [...subjects.slice(first), ...subjects.slice(0, first)];
  const spentUs = new Map(order.map((subject) => [subject, 0]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [subject, us] of spentUs) {
      spentUs.set(subject, us + (await measure(subject, round, perTurn)));
    }
  }
  for (const [{ rounds: own }, us] of spentUs) own.push(us / handshakes);
}

console.log(machine());
console.log(
  `${handshakes} handshakes, ${AT_ONCE} at once, ${rounds} interleaved rounds, lookups of ${lookupMs} ms; ` +
    'server CPU per handshake, median us, and its ratio to plain of the same round: median (quartiles)',
);
for (const { name, version, rounds: own } of subjects) {
  const plain = subjects.find((each) => each.name === `TLS ${version} plain`)?.rounds ?? [];
  const ratios = own.map((us, i) => us / (plain[i] ?? NaN)).toSorted((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => number(quantile(ratios, q)));
  console.log(
    `${name.padEnd(28)} ${number(spread(own).median, 0).padStart(5)}   ${median} x (${low} to ${high})`,
  );
}
saveResult({
  name: 'gate',
  about:
    'Server CPU per TLS-PSK handshake with a gate in front of TLS, beside plain pskCallback; each server and the clients in processes of their own.',
  notes: [
    `${AT_ONCE} handshakes at once, lookups of ${lookupMs} ms, after ${WARM_UPS * handshakes} to warm up; the layer ends at once; the servers collect garbage on one thread, and a round is long enough for some of it.`,
  ],
  series: subjects.map(({ name: subject, version, rounds: own }) => ({
    subject,
    figure: 'NAF CPU per handshake',
    unit: 'us' as const,
    conditions: { TLS: version, handshakes },
    rounds: own,
  })),
});
clients.disconnect();
for (const { servers } of subjects) for (const server of servers) server.process.disconnect();
