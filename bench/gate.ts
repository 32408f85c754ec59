/**
 * Server CPU per handshake with a PSK gate in front of TLS, against plain `pskCallback`, interleaved in one
 * run over loopback. The clients are a process of their own; every server here ends the layer at once.
 *
 *   node --import=ts-blank-space/register bench/gate.ts [--handshakes N] [--rounds N] [--lookup-ms N]
 *
 * `direct` is a lookup that gives the key, `remote` one that gives it after a timer. `peek` is no gate: it
 * reads the hello of a connection, puts it back and gives TLS the connection, which is what any gate must do.
 */
import { fork } from 'node:child_process';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPskGate, type PskLookup, type TlsVersion } from '../src/async-psk/index.ts';
import { GATE_KEY, TLS, type GateRun } from './_gate.ts';
import { cpuSince, machine, number, spread } from './_run.ts';

const { values } = parseArgs({
  options: {
    handshakes: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '9' },
    'lookup-ms': { type: 'string', default: '5' },
  },
});
const handshakes = Number(values.handshakes);
const rounds = Number(values.rounds);
const lookupMs = Number(values['lookup-ms']);
const AT_ONCE = 16;
/** The code of a handshake is compiled after some thousand of them. */
const WARM_UPS = 6;

const direct: PskLookup = () => GATE_KEY;
const remote: PskLookup = () =>
  new Promise((resolve) => {
    setTimeout(resolve, lookupMs, GATE_KEY);
  });

async function open(version: TlsVersion, lookup?: PskLookup): Promise<Server> {
  const gate = lookup && createPskGate({ lookup });
  const server = createServer({
    ...TLS[version],
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    pskCallback: gate?.pskCallback ?? (() => GATE_KEY),
  });
  gate?.attach(server);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    if (gate !== undefined && typeof gate.identityOf(socket) !== 'string') socket.destroy();
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function peeking(server: Server): Server {
  const [serve] = server.listeners('connection') as ((raw: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (raw: Socket) => {
    raw.on('error', () => undefined);
    raw.once('data', (hello: Buffer) => {
      raw.pause();
      raw.unshift(hello);
      serve?.call(server, raw);
    });
  });
  return server;
}

const systems = [
  { name: 'TLS 1.3 plain', version: '1.3', server: await open('1.3') },
  { name: 'TLS 1.3 peek', version: '1.3', server: peeking(await open('1.3')) },
  { name: 'TLS 1.3 gate, direct', version: '1.3', server: await open('1.3', direct) },
  { name: 'TLS 1.3 gate, remote', version: '1.3', server: await open('1.3', remote) },
  { name: 'TLS 1.2 plain', version: '1.2', server: await open('1.2') },
  { name: 'TLS 1.2 gate, direct', version: '1.2', server: await open('1.2', direct) },
  { name: 'TLS 1.2 gate, remote', version: '1.2', server: await open('1.2', remote) },
] as const;
const clients = fork(fileURLToPath(new URL('_gate-client.ts', import.meta.url)));

async function measure({ version, server }: (typeof systems)[number]): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const run: GateRun = { port, version, count: handshakes, atOnce: AT_ONCE };
  const cpu = process.cpuUsage();
  clients.send(run);
  await once(clients, 'message');
  return cpuSince(cpu) / handshakes;
}

for (let n = 0; n < WARM_UPS; n++) for (const system of systems) await measure(system);
const results = new Map<string, number[]>(systems.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const system of systems) results.get(system.name)?.push(await measure(system));
}

console.log(machine());
console.log(
  `${handshakes} handshakes, ${AT_ONCE} at once, ${rounds} interleaved rounds, lookups of ${lookupMs} ms; ` +
    'server CPU per handshake, min / median / max us, and the median ratio to plain of the same round',
);
for (const { name, version } of systems) {
  const own = results.get(name) ?? [];
  const plain = results.get(`TLS ${version} plain`) ?? [];
  const cpu = spread(own);
  const ratio = spread(own.map((us, i) => us / (plain[i] ?? NaN)));
  console.log(
    `${name.padEnd(22)} ${number(cpu.min, 0)} / ${number(cpu.median, 0)} / ${number(cpu.max, 0)}` +
      `   ${number(ratio.median)} x (${number(ratio.min)} to ${number(ratio.max)})`,
  );
}
clients.disconnect();
for (const { server } of systems) server.close();
