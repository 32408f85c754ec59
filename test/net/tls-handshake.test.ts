import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import anyTest from 'ava';
import { ChannelError, ConfigError } from '../../src/errors.ts';
import { parseFqdn, pskIdentityOf } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import { listenPsk } from '../../src/net/psk-server.ts';
import type { Announced } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { clientTlsOptions, serverTlsOptions } from '../../src/net/tls.ts';
import {
  carry,
  dial,
  every12Binding,
  ended,
  makeSa,
  nafFqdn,
  policy,
  startNaf,
  TLS13,
  until,
} from '../support/tls.ts';
import { manualClock } from '../support/manual-clock.ts';

const test = anyTest.serial;

const nameOf = (binding: TlsBinding): string =>
  binding.version === '1.2' ? `TLS 1.2 ${binding.suite}` : 'TLS 1.3';

for (const suite of policy.suites13) {
  test(`a TLS 1.3 layer opens with ${suite} and carries octets both ways`, async (t) => {
    const sa = makeSa();
    const naf = await startNaf(t, [sa]);
    const ue = await dial(t, naf.port, sa, { policy: { ...policy, suites13: [suite] } });
    const layer = await naf.layer();
    t.is(layer.sa, sa);
    t.is(layer.socket.getCipher().name, suite);
    t.is(await carry(layer.socket, ue.socket, 'push'), 'push');
    t.is(await carry(ue.socket, layer.socket, 'ack'), 'ack');
    t.is(naf.server.fullHandshakes, 1);
  });
}

for (const binding of every12Binding) {
  test(`a layer opens with ${nameOf(binding)}`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const ue = await dial(t, naf.port, sa);
    const layer = await naf.layer();
    t.is(layer.socket.getProtocol(), 'TLSv1.2');
    t.is(layer.socket.getCipher().name, 'suite' in binding ? binding.suite : '');
    t.is(await carry(layer.socket, ue.socket, 'push'), 'push');
    t.is(ue.socket.alpnProtocol, 'coap');
  });
}

for (const binding of [TLS13, ...every12Binding]) {
  test(`neither end sees a certificate in ${nameOf(binding)}`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const ue = await dial(t, naf.port, sa);
    t.deepEqual(Object.keys(ue.socket.getPeerCertificate()), []);
    t.deepEqual(Object.keys((await naf.layer()).socket.getPeerCertificate()), []);
  });
}

test('a listener takes TLS 1.3 alone unless told otherwise', async (t) => {
  const sa = makeSa({ binding: { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } });
  const naf = await startNaf(t, [sa], { versions: ['1.3'] });
  await t.throwsAsync(dial(t, naf.port, sa), {
    instanceOf: ChannelError,
    code: 'ERR_CHANNEL_POLICY',
  });
  t.deepEqual(naf.asked, []);
});

test('the UE never leaves the version of its association', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa], { versions: ['1.2'] });
  await t.throwsAsync(dial(t, naf.port, sa), { code: 'ERR_CHANNEL_POLICY' });
});

test('the NAF gives a decoy to the version that is not the association’s', async (t) => {
  const key = randomBytes(32);
  const sa13 = makeSa({}, key);
  const sa12 = makeSa(
    { ...sa13, binding: { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' } },
    key,
  );
  const naf = await startNaf(t, [sa13]);
  await t.throwsAsync(dial(t, naf.port, sa12), { code: 'ERR_CHANNEL_REFUSED' });
  naf.known.set(pskIdentityOf(sa12.bTid), sa12);
  await t.throwsAsync(dial(t, naf.port, sa13), { code: 'ERR_CHANNEL_REFUSED' });
  t.deepEqual(naf.layers, []);
  t.is(naf.refusals.filter(({ reason }) => reason.includes('is for TLS')).length, 2);
});

test('a TLS 1.2 suite other than the association’s is destroyed after the handshake', async (t) => {
  const key = randomBytes(32);
  const sa = makeSa({ binding: { version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' } }, key);
  const other = makeSa({ ...sa, binding: { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' } }, key);
  const naf = await startNaf(t, [sa]);
  await ended(dial(t, naf.port, other));
  t.deepEqual(naf.layers, []);
  t.is(naf.server.fullHandshakes, 0);
  t.regex(naf.refusals[0]?.reason ?? '', /PSK-AES128-CBC-SHA256 is not the association's suite/);
});

test('the UE does not dial with a suite that its policy does not name', async (t) => {
  const sa = makeSa({ binding: { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' } });
  const narrow = { ...policy, suites12: ['ECDHE-PSK-CHACHA20-POLY1305'] as const };
  await t.throwsAsync(dial(t, 1, sa, { policy: narrow }), { code: 'ERR_CHANNEL_POLICY' });
});

for (const binding of [TLS13, { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } as const]) {
  test(`a client that names another NAF is destroyed in ${nameOf(binding)}`, async (t) => {
    const key = randomBytes(32);
    const sa = makeSa({ binding }, key);
    const naf = await startNaf(t, [sa]);
    await ended(dial(t, naf.port, makeSa({ ...sa, nafFqdn: parseFqdn('evil.example') }, key)));
    t.deepEqual(naf.layers, []);
    t.is(naf.refusals[0]?.code, 'ERR_CHANNEL_POLICY');
  });

  test(`a client that names no NAF is up to the policy in ${nameOf(binding)}`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const strict = await startNaf(t, [sa], { policy: { ...policy, requireServerName: true } });
    const identity = pskIdentityOf(sa.bTid);
    const tls = clientTlsOptions(policy, { binding, serverName: nafFqdn, identity, key: sa.key });
    const { servername, ...nameless } = tls;
    t.is(servername, nafFqdn);
    for (const port of [naf.port, strict.port]) {
      const socket = connect({ host: '127.0.0.1', port, ...nameless });
      socket.on('error', () => undefined);
      t.teardown(() => socket.destroy());
    }
    await naf.layer();
    await until(() => naf.refusals.length > 0);
    t.regex(naf.refusals[0]?.reason ?? '', /names nobody/);
    t.deepEqual(strict.layers, []);
  });

  test(`a client that names an address, as libcoap does, names no NAF in ${nameOf(binding)}`, async (t) => {
    const sa = makeSa({ binding });
    const naf = await startNaf(t, [sa]);
    const strict = await startNaf(t, [sa], { policy: { ...policy, requireServerName: true } });
    const identity = pskIdentityOf(sa.bTid);
    const tls = clientTlsOptions(policy, { binding, serverName: nafFqdn, identity, key: sa.key });
    for (const port of [naf.port, strict.port]) {
      const socket = connect({ host: '127.0.0.1', port, ...tls, servername: '127.0.0.1' });
      socket.on('error', () => undefined);
      t.teardown(() => socket.destroy());
    }
    await naf.layer();
    await until(() => naf.refusals.length > 0);
    t.regex(naf.refusals[0]?.reason ?? '', /names nobody/);
    t.deepEqual(strict.layers, []);
  });
}

test('a key that ends between its lookup and the proof opens no layer', async (t) => {
  const sa = makeSa();
  const known = [sa, undefined];
  const naf = await startNaf(t, [], { find: () => known.shift() });
  await ended(dial(t, naf.port, sa));
  t.deepEqual(naf.layers, []);
  t.is(naf.refusals[0]?.code, 'ERR_SA_UNKNOWN');
});

test('a key that is replaced between its lookup and the proof opens no layer', async (t) => {
  const sa = makeSa();
  const known = [sa, makeSa({ ...sa })];
  const naf = await startNaf(t, [], { find: () => known.shift() });
  await ended(dial(t, naf.port, sa));
  t.deepEqual(naf.layers, []);
});

test('the UE demands the application protocol away from port 5684, the NAF tolerates its absence', async (t) => {
  const sa = makeSa();
  const pskCallback = () => sa.key;
  const { ALPNProtocols, ...deaf } = serverTlsOptions(policy, { versions: ['1.3'], pskCallback });
  t.deepEqual(ALPNProtocols, ['coap']);
  const peer = createTlsServer(deaf).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  t.teardown(() => peer.close());
  const { port } = peer.address() as AddressInfo;
  await t.throwsAsync(dial(t, port, sa), { code: 'ERR_CHANNEL_POLICY', message: /coap/ });
  await t.notThrowsAsync(dial(t, port, sa, { requireAlpn: false }));

  const naf = await startNaf(t, [sa]);
  const identity = pskIdentityOf(sa.bTid);
  const tls = clientTlsOptions(policy, {
    binding: TLS13,
    serverName: nafFqdn,
    identity,
    key: sa.key,
  });
  const plain = connect({ host: '127.0.0.1', port: naf.port, ...tls, ALPNProtocols: [] });
  t.teardown(() => plain.destroy());
  t.is((await naf.layer()).socket.alpnProtocol, false);
});

test('a TLS 1.2 hint may list other namespaces but must list ours', async (t) => {
  const sa = makeSa({ binding: { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } });
  const start = async (hint: string | undefined): Promise<number> => {
    const pskCallback = () => sa.key;
    const options = serverTlsOptions(policy, { versions: ['1.2'], pskCallback });
    const peer = createTlsServer({ ...options, pskIdentityHint: hint }).listen(0, '127.0.0.1');
    peer.on('tlsClientError', () => undefined);
    await once(peer, 'listening');
    t.teardown(() => peer.close());
    return (peer.address() as AddressInfo).port;
  };
  await t.notThrowsAsync(dial(t, await start('3GPP-bootstrapping-uicc;3GPP-bootstrapping'), sa));
  await t.notThrowsAsync(dial(t, await start(undefined), sa));
  const refused = { code: 'ERR_CHANNEL_POLICY', message: /hint/ };
  await t.throwsAsync(dial(t, await start('3GPP-bootstrapping-uicc'), sa), refused);
});

test('both ends give the same exporter value, and the key log has the lines of both', async (t) => {
  const sa = makeSa();
  const logs: Record<'naf' | 'ue', string[]> = { naf: [], ue: [] };
  const naf = await startNaf(t, [sa], { keylog: (line) => logs.naf.push(line.toString()) });
  const ue = await dial(t, naf.port, sa, { keylog: (line) => logs.ue.push(line.toString()) });
  const layer = await naf.layer();
  const exported = [layer, ue].map(({ socket }) =>
    socket.exportKeyingMaterial(32, 'EXPORTER-gba-push-wake', Buffer.alloc(0)).toString('hex'),
  );
  t.is(exported[0], exported[1]);
  t.true(logs.ue.some((line) => line.startsWith('CLIENT_TRAFFIC_SECRET_0 ')));
  t.deepEqual(logs.naf.sort(), logs.ue.sort());
});

test('the clock that may jump ends no key, the registry’s own timer does', async (t) => {
  const clock = manualClock(Date.now());
  const registry = new SaRegistry({ clock });
  const sa = makeSa({ expiresAt: clock.now() + 1_800_000 });
  registry.add(makeSa({ ...sa }, Uint8Array.from(sa.key)) as Announced);
  const naf = await startNaf(t, [], { clock, find: (identity) => registry.find(identity) });
  clock.jump(3_600_000);
  await dial(t, naf.port, sa);
  await naf.layer();
  clock.jump(-3_600_000);
  clock.advance(1_800_000);
  await t.throwsAsync(dial(t, naf.port, sa), { code: 'ERR_CHANNEL_REFUSED' });
  await until(() => naf.refusals.length > 0);
  t.is(naf.refusals[0]?.code, 'ERR_SA_UNKNOWN');
});

test('a policy that this runtime cannot serve leaves no listener behind', async (t) => {
  const listeners = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
  const before = listeners();
  const groups = ['no-such-group'] as unknown as typeof policy.groups;
  const attempt = startNaf(t, [], { policy: { ...policy, groups } });
  await t.throwsAsync(attempt, { instanceOf: ConfigError });
  t.is(listeners(), before);
});

test('a port in use is told by its address', async (t) => {
  const { server } = await startNaf(t, []);
  const { host, port } = server.address;
  const again = { host, port, policy, clock: systemClock, find: () => undefined };
  const error = await t.throwsAsync(listenPsk({ ...again, onLayer: () => undefined }), {
    instanceOf: ConfigError,
    code: 'ERR_CONFIG_ADDRESS',
  });
  t.true(error.message.includes(`127.0.0.1:${port}`));
});

test('a UE tells a closed port, a silent peer and a peer without TLS apart', async (t) => {
  const sa = makeSa();
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  await t.throwsAsync(dial(t, port, sa), { code: 'ERR_CHANNEL_UNREACHABLE' });

  const clock = manualClock();
  const silent = createServer(() => {
    clock.advance(policy.handshakeTimeoutMs);
  }).listen(0, '127.0.0.1');
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
    0,
    '127.0.0.1',
  );
  const rude = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  t.teardown(() => [silent, web, rude].map((server) => server.close()));
  await Promise.all([silent, web, rude].map((server) => once(server, 'listening')));
  const portOf = (server: typeof silent): number => (server.address() as AddressInfo).port;
  await t.throwsAsync(dial(t, portOf(silent), sa, { clock }), { code: 'ERR_CHANNEL_TIMEOUT' });
  await t.throwsAsync(dial(t, portOf(web), sa), { code: 'ERR_CHANNEL_PROTOCOL' });
  await t.throwsAsync(dial(t, portOf(rude), sa), { code: 'ERR_CHANNEL_CLOSED' });
});

test('an aborted dial rejects with the caller’s own reason', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const reason = new Error('no longer wanted');
  const early = AbortSignal.abort(reason);
  t.is(await t.throwsAsync(dial(t, port, makeSa(), { signal: early })), reason);
  const late = new AbortController();
  silent.on('connection', () => {
    late.abort(reason);
  });
  t.is(await t.throwsAsync(dial(t, port, makeSa(), { signal: late.signal })), reason);
});

test('drain lets an open layer end by itself, close does not', async (t) => {
  const sa = makeSa();
  const [patient, hasty] = await Promise.all([startNaf(t, [sa]), startNaf(t, [sa])]);
  const [first, second] = await Promise.all([dial(t, patient.port, sa), dial(t, hasty.port, sa)]);
  const layer = await patient.layer();
  const drained = patient.server.drain();
  await t.throwsAsync(dial(t, patient.port, sa), { code: 'ERR_CHANNEL_UNREACHABLE' });
  t.is(await carry(layer.socket, first.socket, 'still here'), 'still here');
  first.socket.end();
  await drained;
  await hasty.layer();
  await Promise.all([once(second.socket.resume(), 'close'), hasty.server.close()]);
  t.true(second.socket.destroyed);
});
