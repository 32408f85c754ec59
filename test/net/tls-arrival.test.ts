/** A NAF whose identities may become known while a handshake waits, and what that changes for nobody else. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import anyTest from 'ava';
import { SaError } from '../../src/errors.ts';
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { LookUpIdentity } from '../../src/net/arrival-gate.ts';
import { clientTlsOptions } from '../../src/net/tls.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { SaSessions } from '../../src/sa/sessions.ts';
import { manualClock } from '../support/manual-clock.ts';
import { rawHello } from '../support/tls-records.ts';
import {
  carry,
  dial,
  ended,
  makeSa,
  nafFqdn,
  policy,
  startNaf,
  TLS13,
  until,
} from '../support/tls.ts';

const test = anyTest.serial;
const tls12 = {
  version: '1.2',
  suite: 'ECDHE-PSK-CHACHA20-POLY1305',
} as const satisfies TlsBinding;

/** Finds what `arrive` brought, and nothing before. */
function arriving(...sas: readonly LiveSa[]): {
  readonly find: (identity: string) => LiveSa | undefined;
  readonly lookup: LookUpIdentity;
  readonly asked: string[];
  readonly signals: AbortSignal[];
} {
  const here = new Map<string, LiveSa>();
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  return {
    asked,
    signals,
    find: (identity) => here.get(identity),
    lookup: async (identity, { signal }) => {
      asked.push(identity);
      signals.push(signal);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const sa = sas.find(({ bTid }) => pskIdentityOf(bTid) === identity);
      if (sa === undefined) throw new SaError('ERR_SA_UNKNOWN', 'nobody elsewhere either');
      here.set(identity, sa);
    },
  };
}

for (const binding of [TLS13, tls12]) {
  test(`TLS ${binding.version}: an identity that becomes known opens a layer, and is asked for once`, async (t) => {
    const sa = makeSa({ binding });
    const { asked, ...options } = arriving(sa);
    const naf = await startNaf(t, [], options);
    for (const n of [0, 1]) {
      const ue = await dial(t, naf.port, sa);
      const layer = await naf.layer(n);
      t.is(layer.sa, sa);
      t.is(await carry(ue.socket, layer.socket, 'to the NAF'), 'to the NAF');
      t.is(await carry(layer.socket, ue.socket, 'to the UE'), 'to the UE');
    }
    t.deepEqual(asked, [pskIdentityOf(sa.bTid)]);
    t.deepEqual([naf.server.fullHandshakes, naf.server.pendingHandshakes], [2, 0]);
  });

  test(`TLS ${binding.version}: a key that ends between its lookup and the proof opens no layer`, async (t) => {
    const sa = makeSa({ binding });
    const known = [sa, sa, undefined];
    const naf = await startNaf(t, [], { ...arriving(), find: () => known.shift() });
    await ended(dial(t, naf.port, sa));
    t.deepEqual(naf.layers, []);
    t.is(naf.refusals[0]?.code, 'ERR_SA_UNKNOWN');
  });
}

test('a key is not given to the version that is not its association’s, and nobody is asked', async (t) => {
  const sa = makeSa({ binding: tls12 });
  const { asked, lookup } = arriving();
  const naf = await startNaf(t, [sa], { lookup });
  await ended(dial(t, naf.port, { ...sa, binding: TLS13 }));
  t.deepEqual([naf.layers, asked], [[], []]);
  t.is(naf.refusals[0]?.code, 'ERR_CHANNEL_POLICY');
});

test('the gate’s own refusals are told once, in its words', async (t) => {
  const { lookup, asked } = arriving();
  const naf = await startNaf(t, [], { lookup });
  const raw = connect(naf.port, '127.0.0.1');
  raw.on('error', () => undefined);
  raw.resume();
  raw.write(rawHello({ identities: ['one', 'two'], key: randomBytes(32) }));
  await once(raw, 'close');
  await until(() => naf.refusals.length > 0);
  await until(() => naf.server.pendingHandshakes === 0);
  t.deepEqual(
    naf.refusals.map(({ code, reason }) => [code, reason]),
    [['ERR_CHANNEL_POLICY', 'the client names 2 identities, more than 1']],
  );
  t.deepEqual(asked, []);
});

for (const [what, dialled, alert] of [
  ['a suite', { binding: { version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' } }, 40],
  ['a protocol', { alpn: 'h2' }, 120],
] as const) {
  test(`a TLS 1.2 client that does not share ${what} is told of as that, not as one who left`, async (t) => {
    const own = { ...policy, suites12: [tls12.suite] };
    const naf = await startNaf(t, [], { ...arriving(), policy: own, versions: ['1.2'] });
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: naf.port },
      ...clientTlsOptions(policy, {
        ...{ binding: tls12, serverName: nafFqdn, identity: 'x'.repeat(40) },
        ...{ key: randomBytes(32), ...dialled },
      }),
    });
    await once(socket, 'error');
    await until(() => naf.refusals.length > 0 && naf.server.pendingHandshakes === 0);
    t.deepEqual(
      naf.refusals.map(({ code, reason }) => [code, reason]),
      [
        [
          'ERR_CHANNEL_POLICY',
          `the peers share no TLS version, suite, group or application protocol (alert ${alert})`,
        ],
      ],
    );
  });
}

test('what TLS itself refuses is told in its own words', async (t) => {
  const naf = await startNaf(t, [], { ...arriving(), versions: ['1.3'] });
  await ended(dial(t, naf.port, makeSa({ binding: tls12 })));
  await until(() => naf.refusals.length > 0);
  t.is(naf.refusals[0]?.code, 'ERR_CHANNEL_POLICY');
  t.regex(naf.refusals[0]?.reason ?? '', /share no TLS version/);
});

test('a lookup is aborted when its UE leaves, or at the deadline of the handshake', async (t) => {
  const clock = manualClock();
  const signals: AbortSignal[] = [];
  const lookup: LookUpIdentity = (_identity, { signal }) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const naf = await startNaf(t, [], { lookup, clock });
  const hello = rawHello({ identities: ['3GPP-bootstrapping;nobody'], key: randomBytes(32) });
  for (const [n, leave] of [
    (raw: ReturnType<typeof connect>) => raw.destroy(),
    () => {
      clock.advance(10_000);
    },
  ].entries()) {
    const raw = connect(naf.port, '127.0.0.1');
    raw.on('error', () => undefined);
    raw.resume();
    raw.write(hello);
    await until(() => signals.length === n + 1);
    t.false(signals[n]?.aborted);
    leave(raw);
    await until(() => signals[n]?.aborted === true);
    await until(() => naf.server.pendingHandshakes === 0);
    t.is(naf.refusals.length, n + 1);
  }
  t.is(clock.pending, 0);
});

test('sessions of TLS 1.2 associations are taken up behind the gate as without it', async (t) => {
  const sa = makeSa({ binding: tls12 });
  const [sessions, ueSessions] = [new SaSessions(2), new SaSessions(1)];
  const { asked, ...options } = arriving(sa);
  const naf = await startNaf(t, [], { ...options, sessions });
  const first = await dial(t, naf.port, sa, { sessions: ueSessions });
  await naf.layer(0);
  first.socket.destroy();
  const second = await dial(t, naf.port, sa, { sessions: ueSessions });
  const layer = await naf.layer(1);
  t.true(second.resumed);
  t.true(layer.resumed);
  t.is(await carry(second.socket, layer.socket, 'resumed'), 'resumed');
  t.is(asked.length, 1);
});
