/** Normal GBA from end to end: BSF, NAF and UE, each by its own sockets; the UE begins, and pushes find its layer. */
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { listenBsf, type BsfServer } from '../../src/bsf/bsf-server.ts';
import { createHss } from '../../src/bsf/hss.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import type { PushServer, PushServerOptions } from '../../src/naf/push-server.ts';
import { openRemoteBsf } from '../../src/naf/remote-bsf.ts';
import { parseHttp2Address } from '../../src/net/http2-address.ts';
import type { AtomicStore, Hss } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { createUsim } from '../../src/ue/usim.ts';
import type { UeListener, UeListenerOptions } from '../../src/ue/listener.ts';
import { events } from '../support/begun.ts';
import { gbaUCapable, meOnly, nafRecord } from '../support/bsf.ts';
import { nafFqdn, openNaf, openUe } from '../support/ladder.ts';
import { policy, until } from '../support/tls.ts';

const [identity, key] = ['alerts.example.org', randomBytes(32)];

/** Each of the three can be started again where it was. */
function openWorld(t: ExecutionContext, record = meOnly) {
  const ports = { nbsp: 0, ub: 0, naf: 0 };
  const hssStore = openMemoryStore();
  const uses: string[] = [];
  const handled: string[] = [];
  const startBsf = async (store: AtomicStore = hssStore): Promise<BsfServer> => {
    const inner = createHss({ subscribers: [meOnly, gbaUCapable], store });
    const hss: Hss = {
      ...inner,
      vector(impi, use) {
        uses.push(use);
        return inner.vector(impi, use);
      },
    };
    const bsf = await listenBsf({
      hss,
      clock,
      policy,
      nafs: [nafRecord({ proof: { identity, key } })],
      listen: [parseHttp2Address(`https://127.0.0.1:${ports.nbsp}`)],
      ub: { host: '127.0.0.1', port: ports.ub },
    });
    t.teardown(() => bsf.close());
    const [nbsp] = bsf.nbsp;
    if (nbsp?.scheme !== 'https' || bsf.ub === undefined) throw new Error('it listens for both');
    [ports.nbsp, ports.ub] = [nbsp.port, bsf.ub.port];
    return bsf;
  };
  const startNaf = async (options: Partial<PushServerOptions> = {}): Promise<PushServer> => {
    const address = parseHttp2Address(`https://127.0.0.1:${ports.nbsp}`);
    const bsf = openRemoteBsf({ address, proof: { identity, key }, policy, clock });
    t.teardown(() => bsf.close());
    const listen = { host: '127.0.0.1', port: ports.naf };
    const own = { bsf, listen, acceptBootstrapped: true, bootstrap: false };
    const nobody = { hss: createHss({ subscribers: [], store: openMemoryStore() }) };
    const naf = await openNaf(t, nobody, { ...own, ...options });
    ports.naf = naf.address.port;
    return naf;
  };
  const usim = createUsim({ credentials: record, store: openMemoryStore() });
  const startUe = (options: Partial<UeListenerOptions> = {}): Promise<UeListener> =>
    openUe(
      t,
      { usim },
      ({ payload, via }) => void handled.push(`${Buffer.from(payload).toString()} ${via}`),
      options,
    );
  const begin = (ue: UeListener): void => {
    const bsf = new URL(`http://127.0.0.1:${ports.ub}`);
    void ue.bootstrap({ bsf, nafFqdn, connect: { host: '127.0.0.1', port: ports.naf } });
  };
  const push = (naf: PushServer, text: string) =>
    naf.push(record.impi, Buffer.from(text), { ttlSeconds: 20 });
  return { startBsf, startNaf, startUe, begin, push, uses, handled, usim };
}

for (const [what, record, ue] of [
  ['Ks_NAF', meOnly, {}],
  ['Ks_ext_NAF', gbaUCapable, {}],
  ['Ks_int_NAF', gbaUCapable, { pskKey: 'internal' }],
] as const) {
  test.serial(`a UE begins with ${what}, and each push finds its layer open`, async (t) => {
    const { startBsf, startNaf, startUe, begin, push, uses, handled } = openWorld(t, record);
    await startBsf();
    const naf = await startNaf();
    const opened = events(t, 'gba:layer:opened');
    const sent = events(t, 'gba:trigger:sent');
    begin(await startUe(ue));
    await until(() => opened.length === 1);
    t.like(opened[0], { impi: record.impi, via: 'ue-initiated' });
    t.like(await push(naf, 'one'), { state: 'acked', via: 'ue-initiated', ms: { bsf: 0 } });
    t.like(await push(naf, 'two'), { state: 'acked', via: 'reuse' });
    t.deepEqual(handled, ['one ue-initiated', 'two reuse']);
    t.deepEqual(uses, ['ub']);
    t.deepEqual(sent, []);
  });
}

test.serial('a NAF that was started again asks the BSF again; no key is made', async (t) => {
  const { startBsf, startNaf, startUe, begin, push, uses } = openWorld(t);
  await startBsf();
  const first = await startNaf();
  begin(await startUe());
  t.like(await push(first, 'one'), { state: 'acked' });
  await first.close();
  const second = await startNaf();
  t.like(await push(second, 'two'), { state: 'acked' });
  t.deepEqual(uses, ['ub']);
});

test.serial('after BSF and NAF forgot the key, the UE makes another by itself', async (t) => {
  const { startBsf, startNaf, startUe, begin, push, uses } = openWorld(t);
  const bsf = await startBsf();
  const naf = await startNaf();
  begin(await startUe());
  t.like(await push(naf, 'one'), { state: 'acked' });
  await Promise.all([naf.close(), bsf.close()]);
  await startBsf();
  const again = await startNaf();
  t.like(await push(again, 'two'), { state: 'acked', via: 'ue-initiated' });
  t.deepEqual(uses, ['ub', 'ub']);
});

test.serial('an HSS that lost its SQN is set right over Ub by one AUTS', async (t) => {
  const { startBsf, startNaf, startUe, begin, push, uses, usim } = openWorld(t);
  const ahead = createHss({ subscribers: [meOnly], store: openMemoryStore() });
  for (let n = 0; n < 40; n += 1) {
    const { rand, autn } = await ahead.vector(meOnly.impi, 'ub');
    (await usim.authenticate(rand, autn)).wipe();
  }
  await startBsf();
  const naf = await startNaf();
  begin(await startUe({ autsStore: openMemoryStore() }));
  t.like(await push(naf, 'one'), { state: 'acked', via: 'ue-initiated' });
  t.deepEqual(uses, ['ub', 'ub']);
});

test.serial('a SIM with another K is told of at both ends, and has no layer', async (t) => {
  const { startBsf, startNaf, startUe, begin, push } = openWorld(t);
  await startBsf();
  const naf = await startNaf({ patience: { giveUpMs: 500 } });
  const failed = events(t, 'gba:bootstrap:failed');
  const credentials = { ...meOnly, k: meOnly.k.map((octet) => octet ^ 1) };
  begin(await startUe({ usim: createUsim({ credentials, store: openMemoryStore() }) }));
  t.like(await push(naf, 'x'), { state: 'dead', code: 'ERR_CHANNEL_TIMEOUT' });
  t.like(failed, [{ code: 'ERR_AKA_MAC_FAILURE' }]);
});

test.serial('keys of push and of Ub follow each other, whoever makes the next', async (t) => {
  const { startBsf, startNaf, startUe, begin, push, uses } = openWorld(t);
  await startBsf();
  const ue = await startUe();
  const naf = await startNaf({ bootstrap: true, triggerAddress: () => ue.address });
  const opened = events(t, 'gba:layer:opened');
  const closed = events(t, 'gba:sa:closed');
  t.like(await push(naf, 'one'), { state: 'acked', via: 'bootstrap' });
  begin(ue);
  t.like(await push(naf, 'two'), { state: 'acked', via: 'reuse' });
  t.deepEqual(uses, ['push'], 'the layer of the trigger serves');
  naf.revoke(meOnly.impi);
  await until(() => closed.length === 2);
  t.like(await push(naf, 'three'), { state: 'acked', via: 'bootstrap' });
  t.is(opened.length, 2);
});
