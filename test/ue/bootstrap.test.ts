import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { listenUb } from '../../src/bsf/ub-server.ts';
import { CODE } from '../../src/codec/coap.ts';
import { parseFqdn, PSK_NAMESPACE, PSK_NAMESPACE_UICC } from '../../src/ids.ts';
import type { NafKeySource, Usim } from '../../src/ports.ts';
import { openSaFile } from '../../src/store/sa-file.ts';
import { defaultConnectPolicy } from '../../src/ue/connect-policy.ts';
import type { UeListener, UeListenerOptions } from '../../src/ue/listener.ts';
import { events, openToldNaf } from '../support/begun.ts';
import { gbaUCapable, keyLifetime, makeBsf, meOnly, serveUb } from '../support/bsf.ts';
import { temporaryFolder } from '../support/command.ts';
import { gate, nafFqdn, openNaf, openUe } from '../support/ladder.ts';
import { freePort } from '../support/ports.ts';
import { TLS13, until } from '../support/tls.ts';

interface WorldOptions {
  readonly record?: typeof meOnly;
  readonly lifetimeSeconds?: number;
  readonly binding?: Parameters<typeof openToldNaf>[2];
  readonly ue?: Partial<UeListenerOptions>;
}

/** A BSF, a NAF that it tells of sessions, and a UE that has not begun yet. */
async function openWorld(t: ExecutionContext, options: WorldOptions = {}) {
  const { record = meOnly, lifetimeSeconds = 3_600, binding = TLS13 } = options;
  const bench = makeBsf(t, { policy: { ...keyLifetime, defaultSeconds: lifetimeSeconds } });
  const bsf = await serveUb(t, bench.ub);
  const naf = await openToldNaf(t, bench.bsf, binding);
  const usim = bench.usim(record);
  const startUe = (more: Partial<UeListenerOptions> = {}) =>
    openUe(t, { usim }, () => undefined, { ...options.ue, ...more });
  const begin = (ue: UeListener, signal?: AbortSignal): Promise<void> =>
    ue.bootstrap({ bsf, nafFqdn, connect: { host: '127.0.0.1', port: naf.port } }, signal);
  return { ...bench, bsf, naf, usim, startUe, begin };
}

const ways: [string, WorldOptions, string][] = [
  ['Ks_NAF in TLS 1.3', {}, PSK_NAMESPACE],
  [
    'Ks_NAF in TLS 1.2',
    {
      binding: { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' },
      ue: { versions: ['1.2', '1.3'] },
    },
    PSK_NAMESPACE,
  ],
  ['Ks_ext_NAF', { record: gbaUCapable }, PSK_NAMESPACE],
  ['Ks_int_NAF', { record: gbaUCapable, ue: { pskKey: 'internal' } }, PSK_NAMESPACE_UICC],
];

for (const [what, options, namespace] of ways) {
  test.serial(
    `a UE bootstraps and keeps a layer open with ${what}, and pushes find it`,
    async (t) => {
      const { naf, startUe, begin, vectors } = await openWorld(t, options);
      const told = events(t, 'gba:bootstrap:succeeded');
      const ue = await startUe();
      const kept = begin(ue);
      await until(() => naf.layers.length === 1);
      t.is(await naf.push(), CODE.CREATED);
      t.is(await naf.push(), CODE.CREATED);
      t.deepEqual([...new Set(naf.asked)], [`${namespace};${naf.layers[0] ?? ''}`]);
      t.is(vectors.length, 1);
      t.like(told, [{ nafFqdn, bTid: naf.layers[0] }]);
      t.true((told[0]?.lifetimeMs ?? 0) > 3_590_000);
      await ue.close();
      await kept;
    },
  );
}

test.serial('a key is replaced before it ends, and no moment is without a layer', async (t) => {
  const { naf, startUe, begin, vectors } = await openWorld(t, { lifetimeSeconds: 5 });
  const closed = events(t, 'gba:sa:closed');
  const ue = await startUe();
  void begin(ue);
  await until(() => naf.layers.length === 1);
  const [first] = naf.layers;
  const startedAt = performance.now();
  while (closed.length === 0) {
    t.is(await naf.push(), CODE.CREATED);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.like(closed[0], { bTid: first, reason: 'superseded' });
  t.true(performance.now() - startedAt > 1_500, 'not before it is due');
  t.is(await naf.push(), CODE.CREATED);
  t.is(vectors.length, 2);
});

test.serial(
  'a NAF that takes the key no longer is gone to with a new one, in a while',
  async (t) => {
    const { naf, startUe, begin, vectors } = await openWorld(t);
    const closed = events(t, 'gba:sa:closed');
    const ue = await startUe();
    void begin(ue);
    await until(() => naf.layers.length === 1);
    const [first] = naf.layers;
    naf.forget();
    await until(() => naf.asked.length >= 3);
    t.is(
      vectors.length,
      1,
      'the first refusals cost no vector: the NAF may not have reached its BSF',
    );
    await until(() => naf.layers.length === 1);
    t.not(naf.layers[0], first);
    t.is(await naf.push(), CODE.CREATED);
    t.is(vectors.length, 2);
    await until(() => closed.some(({ reason }) => reason === 'superseded'));
    t.like(closed.at(-1), { bTid: first });
  },
);

test.serial(
  'a NAF that takes no key at all costs a vector now and then, and one association',
  async (t) => {
    const { naf, startUe, begin, vectors } = await openWorld(t);
    const announced = events(t, 'gba:sa:announced');
    const closed = events(t, 'gba:sa:closed');
    naf.forget(false);
    const ue = await startUe();
    void begin(ue);
    await until(() => announced.length === 2);
    t.true(naf.asked.length >= 3);
    t.is(vectors.length, 2);
    await until(() => closed.length > 0);
    t.like(closed, [{ bTid: announced[0]?.bTid, reason: 'superseded' }]);
  },
);

test.serial('after a restart the key on disk serves, and no BSF is asked', async (t) => {
  const { naf, usim, startUe, begin, vectors } = await openWorld(t);
  const folder = temporaryFolder(t);
  const saStore = () => openSaFile({ folder, storeKey: new Uint8Array(32).fill(1) });
  for (let life = 0; life < 3; life += 1) {
    const ue = await startUe({ saStore: saStore() });
    const kept = begin(ue);
    await until(() => naf.layers.length === 1);
    t.is(await naf.push(), CODE.CREATED);
    await ue.drain();
    await kept;
    await until(() => naf.layers.length === 0);
  }
  t.is(vectors.length, 1);
  const elsewhere = await openToldNaf(t, makeBsf(t).bsf);
  const ue = await openUe(t, { usim }, () => undefined, { saStore: saStore() });
  const target = { bsf: new URL('http://127.0.0.1:9'), nafFqdn };
  const failed = events(t, 'gba:bootstrap:failed');
  void ue.bootstrap({ ...target, connect: { host: '127.0.0.1', port: elsewhere.port } });
  await until(() => failed.length > 0);
  t.like(failed, [{ code: 'ERR_BSF_UNREACHABLE' }], 'a NAF that is elsewhere now needs a key');
});

test.serial(
  'a BSF that refuses the SIM is told and seldom asked; triggers are heard',
  async (t) => {
    const { hss, usim } = makeBsf(t);
    const asked: string[] = [];
    const bsf = await serveHttp(t, ({ url }, response) => {
      asked.push(url ?? '');
      response.writeHead(403).end();
    });
    const failed = events(t, 'gba:bootstrap:failed');
    const ue = await openUe(t, { usim: usim(meOnly) }, () => undefined);
    void ue.bootstrap({ bsf, nafFqdn, connect: { host: '127.0.0.1', port: 9 } });
    await until(() => failed.length === 1);
    t.like(failed[0], {
      bsf: bsf.origin,
      nafFqdn,
      code: 'ERR_BSF_DENIED',
      reason: 'the BSF does not know this SIM, or refuses it (403)',
    });
    t.true((failed[0]?.afterMs ?? 0) >= 30_000);
    const naf = await openNaf(t, { hss }, { triggerAddress: () => ue.address });
    t.like(await naf.push(meOnly.impi, Buffer.from('x')), { state: 'acked', via: 'bootstrap' });
    t.deepEqual(asked, ['/']);
  },
);

test.serial('a BSF that was gone is asked again, later and later, until it is there', async (t) => {
  const { ub, usim, bsf: core } = makeBsf(t);
  const naf = await openToldNaf(t, core);
  const failed = events(t, 'gba:bootstrap:failed');
  const listen = { host: '127.0.0.1', port: await freePort() };
  const bsf = new URL(`http://127.0.0.1:${listen.port}`);
  const ue = await openUe(t, { usim: usim(meOnly) }, () => undefined);
  void ue.bootstrap({ bsf, nafFqdn, connect: { host: '127.0.0.1', port: naf.port } });
  await until(() => failed.length === 2);
  t.like(failed, [{ code: 'ERR_BSF_UNREACHABLE' }, { code: 'ERR_BSF_UNREACHABLE' }]);
  t.true((failed[0]?.afterMs ?? 0) >= 500 && (failed[1]?.afterMs ?? 0) >= 1_000);
  const server = await listenUb(ub, listen);
  t.teardown(() => server.close());
  await until(() => naf.layers.length === 1);
  t.is(await naf.push(), CODE.CREATED);
});

test.serial(
  'an address of the NAF that policy forbids costs no vector, and no question',
  async (t) => {
    const { usim } = makeBsf(t);
    const asked: string[] = [];
    const bsf = await serveHttp(t, ({ url }, response) => {
      asked.push(url ?? '');
      response.end();
    });
    const failed = events(t, 'gba:bootstrap:failed');
    const ue = await openUe(t, { usim: usim(meOnly) }, () => undefined, {
      connectPolicy: defaultConnectPolicy,
    });
    void ue.bootstrap({ bsf, nafFqdn, connect: { host: '127.0.0.1', port: 5_685 } });
    await until(() => failed.length === 1);
    t.like(failed, [
      {
        code: 'ERR_GPI_POLICY',
        reason: `${nafFqdn} may not make this UE connect to 127.0.0.1 port 5685`,
      },
    ]);
    t.deepEqual(asked, []);
  },
);

test.serial('close during a run leaves nothing behind, and bootstrap resolves', async (t) => {
  const { usim, startUe, begin, naf } = await openWorld(t);
  const [asked, go] = [gate(), gate()];
  const out: NafKeySource[] = [];
  const held: Usim = {
    impi: usim.impi,
    async authenticate(...challenge) {
      asked.open();
      await go.passed;
      const keys = await usim.authenticate(...challenge);
      out.push(keys);
      return keys;
    },
  };
  const ue = await startUe({ usim: held });
  const kept = begin(ue);
  await asked.passed;
  const closing = ue.close();
  go.open();
  await closing;
  await kept;
  t.is(out.length, 1);
  t.deepEqual(out[0]?.res, new Uint8Array(8), 'wiped');
  t.deepEqual(naf.asked, []);
});

test.serial('an abort ends the keeping and leaves the layer alone', async (t) => {
  const { naf, startUe, begin, vectors } = await openWorld(t, { lifetimeSeconds: 5 });
  const ue = await startUe();
  const stop = new AbortController();
  const kept = begin(ue, stop.signal);
  await until(() => naf.layers.length === 1);
  stop.abort();
  await kept;
  t.is(await naf.push(), CODE.CREATED);
  t.is(vectors.length, 1);
});

test.serial('a NAF that says "forget" is not gone to again at once', async (t) => {
  const { naf, startUe, begin, vectors } = await openWorld(t);
  const closed = events(t, 'gba:sa:closed');
  const ue = await startUe();
  void begin(ue);
  await until(() => naf.layers.length === 1);
  naf.revoke();
  await until(() => closed.length === 1 && naf.layers.length === 0);
  t.like(closed, [{ reason: 'revoked' }]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  t.is(vectors.length, 1);
});

test.serial(
  'the SIM is one run’s until its key is out: a card keeps no more than one Ks',
  async (t) => {
    const { usim, hss, startUe, begin, naf } = await openWorld(t);
    let [inside, most] = [0, 0];
    const leave = (): void => void (inside -= 1);
    const card: Usim = {
      impi: usim.impi,
      async authenticate(...challenge) {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        const keys = await usim.authenticate(...challenge);
        return { ...keys, wipe: () => (leave(), keys.wipe()) };
      },
    };
    const ue = await startUe({ usim: card });
    const other = await openNaf(
      t,
      { hss },
      { nafFqdn: parseFqdn('other.example.org'), triggerAddress: () => ue.address },
    );
    const pushed = Promise.all([0, 1].map(() => other.push(meOnly.impi, Buffer.from('x'))));
    void begin(ue);
    await until(() => naf.layers.length === 1);
    t.deepEqual(
      (await pushed).map(({ state }) => state),
      ['acked', 'acked'],
    );
    t.is(most, 1);
  },
);

async function serveHttp(t: ExecutionContext, answer: RequestListener): Promise<URL> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
