/** All that a listener agrees to, out of all that can be offered; one offer at a time, by hellos made here. */
import anyTest from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { SUITES, type SuiteName, type TlsPolicy, type TlsVersion } from '../../src/lib/suites.ts';
import {
  answerToOctets,
  answerToOffer,
  groupOf,
  suiteOf,
  type Agreement,
  type Offer,
} from '../support/client-hello.ts';
import { openRawLayer } from '../attacks/raw-client.ts';
import { every12Binding, makeSa, policy, startNaf, until } from '../support/tls.ts';

const test = anyTest.serial;
const GROUPS = { X25519: 0x1d, 'P-256': 0x17 } as const;
const sa = makeSa();
const psk = { identity: pskIdentityOf(sa.bTid), key: sa.key };
/** What our UE offers, more or less. */
const good13: Offer = {
  versions: [0x0304],
  suites: [0x1301, 0x1303],
  groups: [GROUPS.X25519, GROUPS['P-256']],
  shares: [GROUPS.X25519],
  modes: [1],
  psk,
};
const good12: Offer = {
  suites: policy.suites12.map((suite) => SUITES[suite].code),
  groups: [GROUPS.X25519, GROUPS['P-256']],
};

async function listenerFor(
  t: Parameters<typeof startNaf>[0],
  versions: readonly TlsVersion[],
  own: TlsPolicy = policy,
): Promise<number> {
  return (await startNaf(t, [sa], { versions, policy: own })).port;
}

/** Everything of 65,536 numbers that the listener chooses, in its order within each thousand. */
async function chosen(
  port: number,
  offerOf: (numbers: readonly number[]) => Offer,
  choiceIn: (answer: Agreement) => number,
): Promise<number[]> {
  const found: number[] = [];
  for (let from = 0; from < 0x1_0000; from += CHUNK) {
    let left = Array.from({ length: CHUNK }, (_, i) => from + i).filter(
      (number) => !SIGNALS.has(number),
    );
    for (;;) {
      const answer = await answerToOffer(port, offerOf(left));
      if (answer.kind !== 'hello') break;
      const choice = choiceIn(answer);
      if (!left.includes(choice)) throw new Error(`${choice} was not offered`);
      found.push(choice);
      left = left.filter((number) => number !== choice);
    }
  }
  return found.sort((a, b) => a - b);
}

const codesOf = (suites: readonly SuiteName[]): number[] =>
  suites.map((suite) => SUITES[suite].code).sort((a, b) => a - b);
const ownGroups = Object.values(GROUPS).sort((a, b) => a - b);
/** ServerKeyExchange: a hint, curve_type, the curve (RFC 5489 2). */
const curveIn = ({ next }: Agreement): number =>
  next?.readUInt16BE(2 + next.readUInt16BE(0) + 1) ?? 0;

test('of all TLS 1.3 suites a listener takes exactly those of the policy', async (t) => {
  const port = await listenerFor(t, ['1.3']);
  const found = await chosen(
    port,
    (suites) => ({ ...good13, suites }),
    ({ hello }) => suiteOf(hello),
  );
  t.deepEqual(found, codesOf(policy.suites13));
});

test('of all groups a TLS 1.3 listener takes exactly those of the policy', async (t) => {
  const port = await listenerFor(t, ['1.3']);
  const found = await chosen(
    port,
    (groups) => ({ ...good13, groups, shares: [] }),
    ({ hello }) => groupOf(hello) ?? 0,
  );
  t.deepEqual(found, ownGroups);
});

test('of all versions a TLS 1.3 listener takes 1.3 alone, in the extension or without', async (t) => {
  const port = await listenerFor(t, ['1.3']);
  t.is((await answerToOffer(port, good13)).kind, 'hello');
  for (let from = 0; from < 0x1_0000; from += 126) {
    const versions = Array.from({ length: 126 }, (_, i) => from + i).filter(
      (version) => version !== 0x0304 && version < 0x1_0000,
    );
    const answer = await answerToOffer(port, { ...good13, versions });
    t.deepEqual(answer, PROTOCOL_VERSION, String(from));
  }
  for (const version of [0x0301, 0x0302, 0x0303, 0x0304]) {
    const answer = await answerToOffer(port, { ...good12, version });
    t.deepEqual(answer, PROTOCOL_VERSION, version.toString(16));
  }
});

const profiles: readonly (readonly [string, TlsPolicy])[] = [
  ['the policy', policy],
  ...every12Binding.flatMap((binding): (readonly [string, TlsPolicy])[] =>
    binding.version === '1.2'
      ? [[`a policy of ${binding.suite} alone`, { ...policy, suites12: [binding.suite] }]]
      : [],
  ),
];

for (const [name, own] of profiles) {
  test(`of all TLS 1.2 suites a listener takes exactly those of ${name}`, async (t) => {
    const port = await listenerFor(t, ['1.2'], own);
    const found = await chosen(
      port,
      (suites) => ({ ...good12, suites }),
      ({ hello }) => suiteOf(hello),
    );
    t.deepEqual(found, codesOf(own.suites12));
  });
}

test('of all groups a TLS 1.2 listener takes exactly those of the policy', async (t) => {
  const port = await listenerFor(t, ['1.2']);
  const suites = [SUITES['ECDHE-PSK-CHACHA20-POLY1305'].code];
  const found = await chosen(port, (groups) => ({ suites, groups }), curveIn);
  t.deepEqual(found, ownGroups);
});

/** An offer that lacks something that ours have. */
function without<K extends keyof Offer>(offer: Offer, member: K): Offer {
  return Object.fromEntries(
    Object.entries(offer).filter(([name]) => name !== member),
  ) as unknown as Offer;
}

const refused13: Readonly<Record<string, Offer>> = {
  'no key but certificates': { ...without(good13, 'psk'), signatures: true },
  'psk_ke alone': { ...good13, modes: [0] },
  'no psk_key_exchange_modes': without(good13, 'modes'),
  'TLS_AES_256_GCM_SHA384 alone': { ...good13, suites: [0x1302] },
  'the CCM suites alone': { ...good13, suites: [0x1304, 0x1305] },
  'suites of TLS 1.2 alone': { ...good13, suites: good12.suites },
  'P-384, P-521, X448 and finite fields': {
    ...good13,
    groups: [0x18, 0x19, 0x1e, 0x100, 0x101],
    shares: [],
  },
  'no supported_groups': without(good13, 'groups'),
  'no key_share': without(good13, 'shares'),
  'compression alone': { ...good13, compression: [1] },
  'compression beside none': { ...good13, compression: [0, 1] },
  'no compression method': { ...good13, compression: [] },
  'no suite': { ...good13, suites: [] },
  'TLS 1.2': good12,
  'SSL 3.0': { ...good12, version: 0x0300 },
};
const refused12: Readonly<Record<string, Offer>> = {
  'SSL 3.0': { ...good12, version: 0x0300 },
  'TLS 1.0': { ...good12, version: 0x0301 },
  'TLS 1.1': { ...good12, version: 0x0302 },
  'TLS 1.3 alone': good13,
  'suites with certificates alone': {
    ...good12,
    suites: [0xc02f, 0xc02b, 0xcca8, 0x009c],
    signatures: true,
  },
  'PSK suites with SHA-1 and SHA-384 alone': {
    ...good12,
    suites: [0x008c, 0x00a9, 0xc035, 0xc038],
  },
  'compression alone': { ...good12, compression: [1] },
  'no suite': { ...good12, suites: [] },
};

for (const [version, good, refused] of [
  ['1.3', good13, refused13],
  ['1.2', good12, refused12],
] as const) {
  test(`a TLS ${version} listener answers what it does not want by an alert`, async (t) => {
    const naf = await startNaf(t, [sa], { versions: [version] });
    t.is((await answerToOffer(naf.port, good)).kind, 'hello');
    for (const [name, offer] of Object.entries(refused)) {
      t.is((await answerToOffer(naf.port, offer)).kind, 'alert', name);
    }
    t.deepEqual(naf.layers, []);
  });

  test(`a TLS ${version} listener does not know the hello of SSL 2.0`, async (t) => {
    const { port } = await startNaf(t, [sa], { versions: [version] });
    t.not((await answerToOctets(port, SSL2_HELLO)).kind, 'hello');
    t.is((await answerToOffer(port, good)).kind, 'hello');
  });
}

test('compression that a TLS 1.2 client offers is not taken', async (t) => {
  const port = await listenerFor(t, ['1.2']);
  const answer = await answerToOffer(port, { ...good12, compression: [1, 0] });
  if (answer.kind !== 'hello') return t.fail(answer.kind);
  t.is(answer.hello.readUInt8(35 + answer.hello.readUInt8(34) + 2), 0);
});

test('early data is not taken, and nothing of it reaches the layer', async (t) => {
  const naf = await startNaf(t, [sa], { versions: ['1.3'] });
  const psks = [psk];
  const raw = await openRawLayer(naf.port, { psks, earlyData: 'early' });
  const { socket } = await naf.layer();
  t.false(raw?.tookEarly);
  t.is(naf.server.fullHandshakes, 1);
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  raw?.write('late');
  await until(() => heard.length > 0);
  t.is(Buffer.concat(heard).toString(), 'late');
  raw?.close();
});

/** CLIENT-HELLO of RFC 6101 E.1 for SSL 3.0: two suites, no session, a challenge of 16 octets. */
const SSL2_HELLO = Buffer.from(`801f01030000060000001001008000002f${'07'.repeat(16)}`, 'hex');
/** protocol_version (RFC 8446 6.2): not even a common suite is looked for. */
const PROTOCOL_VERSION = { kind: 'alert', alert: 70 } as const;
/** Signalling suites, which nobody chooses (RFC 5746, RFC 7507). */
const SIGNALS: ReadonlySet<number> = new Set([0x00ff, 0x5600]);
const CHUNK = 0x1000;
