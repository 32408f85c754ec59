import { join } from 'node:path';
import test from 'ava';
import {
  impiFromImsi,
  loadTlsPolicy,
  openBsf,
  openNaf,
  openRemoteBsf,
  openUe,
  parseFqdn,
  parseHttp2Address,
  parseImsi,
  readNafs,
  systemClock,
  type TriggerAddress,
} from '../../src/index.ts';
import { packageFile } from '../../src/store/policy.ts';
import { temporaryFolder, writeKeyFile } from '../support/command.ts';

const subscribers = packageFile('certs-none/demo-subscribers.json');
const usim = packageFile('certs-none/demo-usim.json');
const impi = impiFromImsi(parseImsi('001010000000001'));
const soon = { ttlSeconds: 8 };
const listen = { transport: 'udp', host: '127.0.0.1', port: 0 } as const;

test('a NAF and a UE in one call each, and what was handled is known after a restart', async (t) => {
  const state = temporaryFolder(t);
  const handled: string[] = [];
  const open = (at: TriggerAddress) =>
    openUe({
      usim,
      state: join(state, 'ue'),
      listen: at,
      handler: ({ payload }) => void handled.push(Buffer.from(payload).toString()),
    });
  let ue = await open(listen);
  const naf = await openNaf({
    subscribers,
    state: join(state, 'naf'),
    triggerAddress: () => ue.address,
    patience: { reconnectMs: 4_000 },
  });
  t.teardown(() => naf.close());
  t.like(await naf.push(impi, Buffer.from('one'), soon), { state: 'acked', via: 'bootstrap' });
  t.like(await naf.push(impi, Buffer.from('two'), soon), { state: 'acked', via: 'reuse' });
  await ue.drain();
  ue = await open(ue.address);
  t.like(await naf.push(impi, Buffer.from('three'), soon), { state: 'acked', via: 'reconnect' });
  t.deepEqual(handled, ['one', 'two', 'three']);
  await ue.close();
});

test('a BSF in one call, and a NAF that asks it over a socket file', async (t) => {
  const state = temporaryFolder(t);
  const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
  const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
  const file = writeKeyFile(join(state, 'nafs.json'), {
    nafs: [{ name: 'alerts', token, fqdns: [nafFqdn] }],
  });
  const address = parseHttp2Address(`unix:${join(state, 'bsf.sock')}`);
  const common = { subscribers, state: join(state, 'bsf') };
  const server = await openBsf({ ...common, nafs: readNafs(file), listen: [address] });
  t.teardown(() => server.close());
  t.deepEqual([server.nbsp, server.ub], [[address], undefined]);

  const policy = loadTlsPolicy();
  const bsf = openRemoteBsf({ address, proof: { token }, policy, clock: systemClock });
  const ue = await openUe({ usim, state: join(state, 'ue'), listen, handler: () => undefined });
  const naf = await openNaf({ bsf, nafFqdn, triggerAddress: () => ue.address });
  t.like(await naf.push(impi, Buffer.from('one'), soon), { state: 'acked', via: 'bootstrap' });
  await Promise.all([naf.close(), ue.close(), bsf.close()]);
  await server.drain();
  await server.closed;

  const ub = { host: '0.0.0.0', port: 0 };
  await t.throwsAsync(openBsf({ ...common, ub }), { code: 'ERR_CONFIG_DEMO' });
});

test('a state folder has one UE at a time, and is free again after one that could not start', async (t) => {
  const state = temporaryFolder(t);
  const handler = (): void => undefined;
  const ue = await openUe({ usim, state, listen, handler });
  await t.throwsAsync(openUe({ usim, state, listen, handler }), { code: 'ERR_STORE_UNAVAILABLE' });
  const other = temporaryFolder(t);
  const busy = openUe({ usim, state: other, listen: ue.address, handler });
  await t.throwsAsync(busy, { code: 'ERR_CONFIG_ADDRESS' });
  await ue.close();
  for (const folder of [state, other]) {
    await (await openUe({ usim, state: folder, listen, handler })).close();
  }
});

test('demo keys serve on loopback only, keys of your own anywhere', async (t) => {
  const state = temporaryFolder(t);
  const anywhere = { host: '0.0.0.0', port: 0 };
  const handler = (): void => undefined;
  const refused = { code: 'ERR_CONFIG_DEMO' };
  await t.throwsAsync(openNaf({ subscribers, state, listen: anywhere }), refused);
  const advertise = { host: '192.0.2.1', port: 5684 };
  await t.throwsAsync(openNaf({ subscribers, state, advertise }), refused);
  const inlet = { transport: 'udp', ...anywhere } as const;
  await t.throwsAsync(openUe({ usim, state, listen: inlet, handler }), refused);
  const sim = { imsi: '262019876543210', k: '11'.repeat(16), opc: '22'.repeat(16) };
  const own = writeKeyFile(join(state, 'subscribers.json'), { subscribers: [sim] });
  await (await openNaf({ subscribers: own, state, listen: anywhere })).close();
  const card = writeKeyFile(join(state, 'usim.json'), sim);
  await (await openUe({ usim: card, state: join(state, 'ue'), listen: inlet, handler })).close();
});
