/**
 * What a handshake costs: octets of both hellos, and CPU at the NAF, for key exchange groups and
 * resumption, interleaved in one run over loopback. The UE is another process.
 *
 *   node --import=ts-blank-space/register bench/handshake.ts [--handshakes N] [--rounds N]
 *
 * CPU is that of the NAF's process per handshake, from the TCP connection to its end. A group that this
 * runtime has not is left out by the policy: X25519MLKEM768 takes Node.js 22 or later.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  bTidOf,
  loadTlsPolicy,
  parseFqdn,
  parseImpi,
  pskIdentityOf,
  pTidOf,
  systemClock,
  type LiveSa,
  type SaTerms,
  type TlsBinding,
  type TlsPolicy,
} from '../src/index.ts';
import { toHex } from '../src/lib/bytes.ts';
import { listenPsk, type PskServer } from '../src/net/psk-server.ts';
import { isGroupSupported } from '../src/net/tls.ts';
import { announce } from '../src/sa/association.ts';
import { SaSessions } from '../src/sa/sessions.ts';
import type { Order } from './ends/dialler.ts';
import { saveResult, type Series } from './lib/result.ts';
import { cpuSince, machine, NAF, number, spread } from './lib/run.ts';

const { values } = parseArgs({
  options: {
    handshakes: { type: 'string', default: '25' },
    rounds: { type: 'string', default: '100' },
  },
});
const handshakes = Number(values.handshakes);
const rounds = Number(values.rounds);
const own = loadTlsPolicy();
const classic: TlsPolicy = { ...own, groups: ['X25519', 'P-256'] };
const hybrid: TlsPolicy = { ...own, groups: ['X25519MLKEM768', 'X25519', 'P-256'] };
const tls13: TlsBinding = { version: '1.3' };
const tls12: TlsBinding = { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' };

interface Kind {
  readonly name: string;
  readonly binding: TlsBinding;
  readonly naf: TlsPolicy;
  readonly ue: TlsPolicy;
  readonly resumes?: boolean;
}

const kinds: readonly Kind[] = [
  { name: '1.3 X25519', binding: tls13, naf: classic, ue: classic },
  ...(isGroupSupported('X25519MLKEM768')
    ? [
        { name: '1.3 X25519MLKEM768', binding: tls13, naf: hybrid, ue: hybrid },
        { name: '1.3 hybrid, NAF has not', binding: tls13, naf: classic, ue: hybrid },
        { name: '1.3 hybrid, UE has not', binding: tls13, naf: hybrid, ue: classic },
      ]
    : []),
  { name: '1.2 ECDHE-PSK full', binding: tls12, naf: classic, ue: classic },
  { name: '1.2 ECDHE-PSK resumed', binding: tls12, naf: classic, ue: classic, resumes: true },
];

/** Octets. */
interface Hellos {
  readonly ClientHello: number;
  readonly ServerHello: number;
}

const ue = fork(fileURLToPath(new URL('ends/dialler.ts', import.meta.url)));

async function dial(order: Order): Promise<number> {
  ue.send(order);
  const [{ resumed }] = (await once(ue, 'message')) as [{ resumed: number }];
  return resumed;
}

/** A listener of its own for each kind, whose one association ends its layers as they come. */
async function open(kind: Kind): Promise<{ readonly naf: PskServer; readonly order: Order }> {
  const key = randomBytes(32);
  const terms: SaTerms = {
    bTid: bTidOf(randomBytes(16), parseFqdn('bsf.example.org')),
    pTid: pTidOf(randomBytes(12)),
    impi: parseImpi('user@example.org'),
    nafFqdn: NAF,
    binding: kind.binding,
    expiresAt: Date.now() + 3_600_000,
  };
  const sa: LiveSa = announce(terms, key);
  const naf = await listenPsk({
    ...{ host: '127.0.0.1', port: 0, policy: kind.naf, clock: systemClock },
    versions: [kind.binding.version],
    find: (identity) => (identity === pskIdentityOf(sa.bTid) ? sa : undefined),
    ...(kind.resumes && { sessions: new SaSessions(2) }),
    onLayer: ({ socket }) => socket.end(),
  });
  const { port } = naf.address;
  const { ue: policy, resumes = false } = kind;
  return { naf, order: { port, count: 1, terms, key: toHex(key), policy, resumes } };
}

/** One handshake as the wire sees it. */
async function look(order: Order): Promise<Hellos> {
  const sent = { client: [] as Buffer[], server: [] as Buffer[] };
  const relay = createServer((near) => {
    const far = connect(order.port, '127.0.0.1');
    near.on('data', (chunk: Buffer) => sent.client.push(chunk)).pipe(far);
    far.on('data', (chunk: Buffer) => sent.server.push(chunk)).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  await dial({ ...order, port: (relay.address() as AddressInfo).port });
  relay.close();
  return { ClientHello: firstRecord(sent.client), ServerHello: firstRecord(sent.server) };
}

/** Octets of the record that a stream begins with, its header included. */
function firstRecord(chunks: readonly Buffer[]): number {
  return 5 + Buffer.concat(chunks).readUInt16BE(3);
}

const opened = await Promise.all(kinds.map(async (kind) => ({ kind, ...(await open(kind)) })));
const wire: Hellos[] = [];
for (const { kind, order } of opened) {
  // The first of those that resume is a full one.
  if (kind.resumes) await dial(order);
  wire.push(await look(order));
}
const cpu = opened.map((): number[] => []);
for (let round = 0; round <= rounds; round += 1) {
  for (const [i, { kind, order }] of opened.entries()) {
    const before = process.cpuUsage();
    const resumed = await dial({ ...order, count: handshakes });
    const us = cpuSince(before) / handshakes;
    if (kind.resumes && resumed !== handshakes) throw new Error(`${resumed} were resumed`);
    // The first round warms both processes up.
    if (round > 0) cpu[i]?.push(us);
  }
}
await Promise.all(opened.map(({ naf }) => naf.close()));
ue.disconnect();

console.log(machine());
console.log(
  `${rounds} rounds of ${handshakes} handshakes of each kind in turn; octets of the first record each way; ` +
    'NAF CPU in us per handshake, its ratio to the first kind in the same round',
);
const base = cpu[0] ?? [];
for (const [i, { kind }] of opened.entries()) {
  const { min, median, max } = spread(cpu[i] ?? []);
  const ratio = spread((cpu[i] ?? []).map((us, round) => us / (base[round] ?? NaN)));
  const times = `${number(ratio.median)} (${number(ratio.min)} to ${number(ratio.max)})`;
  const figures = [min, median, max].map((us) => number(us, 0)).join(' / ');
  const { ClientHello, ServerHello } = wire[i] ?? { ClientHello: NaN, ServerHello: NaN };
  const hellos = `ClientHello ${number(ClientHello, 0).padStart(5)}  ServerHello ${number(ServerHello, 0).padStart(5)}`;
  console.log(`${kind.name.padEnd(24)} ${hellos}  CPU ${figures}  x ${times}`);
}

function seriesOf({ kind }: { readonly kind: Kind }, i: number): Series[] {
  const own = { subject: kind.name, conditions: {} };
  const hellos = Object.entries(wire[i] ?? {}) as [keyof Hellos, number][];
  return [
    { ...own, figure: 'NAF CPU per handshake', unit: 'us', rounds: cpu[i] ?? [] },
    ...hellos.map(([figure, octets]): Series => ({
      ...own,
      figure,
      unit: 'octets',
      rounds: base.map(() => octets),
    })),
  ];
}

saveResult({
  name: 'handshake',
  about:
    'A handshake under an association: key exchange groups and resumption, our NAF and a UE in a process ' +
    `of its own, one after another, ${handshakes} of each kind a round.`,
  notes: [
    'CPU is that of the NAF process, from the TCP connection to its end.',
    'Octets are those of the first record each way, its header included.',
  ],
  skipped: isGroupSupported('X25519MLKEM768')
    ? []
    : [`X25519MLKEM768: OpenSSL ${process.versions.openssl} has it not, Node.js 22 and later do`],
  series: opened.flatMap(seriesOf),
});
