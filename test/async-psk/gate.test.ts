/** Keys that have to be fetched open layers in TLS 1.3 and 1.2, and layers behave as without a gate. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { createPskGate, GbaError, type FoundKey } from '../../src/async-psk/index.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/tls.ts';
import { rawHello, recordsOf } from '../support/tls-records.ts';
import {
  alertOn,
  both,
  dialGated,
  failureOf,
  heard,
  identity,
  key,
  keyOf,
  openClient,
  openRaw,
  remoteKeyOf,
  serverName,
  startDrip,
  startGated,
} from './gated.ts';

for (const version of both) {
  for (const [kind, lookup] of [
    ['directly', keyOf],
    ['as a promise', remoteKeyOf],
  ] as const) {
    test(`TLS ${version}: a key given ${kind} opens a layer, and the identity is proved`, async (t) => {
      const clock = manualClock();
      const gated = await startGated(t, { lookup, clock });
      const client = await dialGated(t, gated.port, { version });
      await until(() => gated.secured.length > 0);
      const [socket] = gated.secured;
      t.deepEqual(gated.identities, [identity]);
      t.like(gated.asked[0], { identity, version, serverName });
      t.deepEqual(gated.asked[0]?.remote, { host: '127.0.0.1', port: client.localPort });
      t.is(socket?.remotePort, client.localPort);
      t.is(socket?.localPort, gated.port);
      t.deepEqual([gated.asked.length, gated.gate.pending, clock.pending], [1, 0, 0]);
      t.false(gated.signals[0]?.aborted);
    });
  }

  test(`TLS ${version}: octets sent before and after the handshake arrive whole, both ways`, async (t) => {
    const gated = await startGated(t, { lookup: remoteKeyOf });
    const client = openClient(t, gated.port, { version });
    const payload = Buffer.alloc(3_000_000, 'payload ');
    client.end(payload);
    await until(() => gated.secured.length > 0);
    const [server] = gated.secured as [TLSSocket];
    const received = heard(client);
    server.end(payload);
    t.true((await heard(server)).equals(payload));
    t.true((await received).equals(payload));
  });

  test(`TLS ${version} works over a Unix socket, where connections have no addresses`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const path = join(folder, 'socket');
    const gated = await startGated(t, { lookup: remoteKeyOf, pipe: path });
    await dialGated(t, 0, { version, path });
    await until(() => gated.identities.length > 0);
    t.deepEqual(gated.identities, [identity]);
    t.deepEqual(gated.asked[0]?.remote, { host: '', port: 0 });
    const unknown = openClient(t, 0, { version, path, psk: Buffer.alloc(32, 1) });
    t.not(await failureOf(unknown), 'secured');
    t.is(gated.identities.length, 1);
  });

  test(`TLS ${version}: a client that arrives one octet at a time is served`, async (t) => {
    const gated = await startGated(t, { lookup: remoteKeyOf, clock: manualClock() });
    await dialGated(t, await startDrip(t, gated.port), { version });
    await until(() => gated.identities.length > 0);
    t.deepEqual(gated.identities, [identity]);
  });
}

test('a TLS 1.2 lookup is told the suite, one of each PSK key exchange', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf });
  const suites = [
    ['ECDHE-PSK-CHACHA20-POLY1305', 0xccac],
    ['DHE-PSK-AES128-GCM-SHA256', 0x00aa],
    ['PSK-AES128-GCM-SHA256', 0x00a8],
  ] as const;
  for (const [ciphers] of suites) await dialGated(t, gated.port, { version: '1.2', ciphers });
  t.deepEqual(
    gated.asked.map(({ suite }) => suite),
    suites.map(([, code]) => code),
  );
});

test('a client that offers both versions gets TLS 1.3, with one lookup', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf });
  const client = await dialGated(t, gated.port);
  t.is(client.getProtocol(), 'TLSv1.3');
  t.deepEqual(
    gated.asked.map(({ version }) => version),
    ['1.3'],
  );
});

test('a server of TLS 1.2 alone says so to its gate, and takes clients that offer both', async (t) => {
  const tls = { maxVersion: 'TLSv1.2' } as const;
  const gated = await startGated(t, { lookup: remoteKeyOf, versions: ['1.2'], tls });
  const client = await dialGated(t, gated.port);
  t.is(client.getProtocol(), 'TLSv1.2');
  t.deepEqual(gated.identities, [identity]);
});

test('with local TLS 1.2 keys nothing is held: a direct key opens a layer, a promise does not', async (t) => {
  const gated = await startGated(t, { tls12Keys: 'local' });
  await dialGated(t, gated.port, { version: '1.2' });
  await until(() => gated.identities.length > 0);
  t.deepEqual(gated.identities, [identity]);
  t.like(gated.asked[0], { identity, version: '1.2', serverName });
  t.true(gated.signals[0]?.aborted);

  const remote = await startGated(t, { tls12Keys: 'local', lookup: remoteKeyOf });
  t.not(await failureOf(openClient(t, remote.port, { version: '1.2' })), 'secured');
  t.deepEqual(remote.identities, []);
  await dialGated(t, remote.port, { version: '1.3' });
});

test('a hello without an external identity reaches TLS at once, which refuses it', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, clock: manualClock() });
  const bare = openClient(t, gated.port, { version: '1.3', pskCallback: () => null });
  t.not(await failureOf(bare), 'secured');
  const raw = await openRaw(t, gated.port);
  raw.write('GET / HTTP/1.1\r\n\r\n');
  await heard(raw);
  await until(() => gated.faults.length === 2);
  t.deepEqual([gated.asked, gated.refused], [[], []]);
});

test('a thousand lookups of 80 ms at once leave the event loop free', async (t) => {
  const count = 1_000;
  let waiting = 0;
  const gated = await startGated(t, {
    limits: { lookupsPerSource: count },
    ...{ timeoutMs: 60_000, answerAfterMs: 30_000 },
    lookup: (request) => {
      if (request.identity !== identity) return key;
      waiting += 1;
      return new Promise((resolve) => {
        setTimeout(() => {
          waiting -= 1;
          resolve(key);
        }, 80);
      });
    },
  });
  const hello = rawHello({ identities: [identity], key });
  const raws = await Promise.all(Array.from({ length: count }, () => openRaw(t, gated.port)));
  const answers = raws.map(async (raw) => {
    const [first] = (await once(raw, 'data')) as [Buffer];
    raw.destroy();
    return recordsOf([first])[0]?.type;
  });
  for (const raw of raws) raw.write(hello);
  await until(() => waiting > 0);
  let turnsMeanwhile = 0;
  const counting = (async () => {
    for (; gated.asked.length < count || waiting > 0; turnsMeanwhile += 1) await turn();
  })();
  const types = await Promise.all(answers);
  await counting;
  t.true(types.every((type) => type === 22));
  t.is(gated.asked.length, count);
  t.true(turnsMeanwhile > 20, `${turnsMeanwhile} turns`);
  t.is(gated.gate.pending, 0);
});

test('while all places are taken by lookups, a key that is at hand opens a layer', async (t) => {
  const known = 'known';
  const gated = await startGated(t, {
    clock: manualClock(),
    limits: { lookups: 3 },
    lookup: (request, signal) => {
      if (request.identity === known) return key;
      t.is(signal.aborted, gated.asked.length > 3);
      return new Promise<FoundKey>(() => undefined);
    },
  });
  for (let i = 0; i < 3; i += 1) openClient(t, gated.port, { version: '1.3' });
  await until(() => gated.asked.length === 3);
  await dialGated(t, gated.port, { version: '1.3', named: known });
  await dialGated(t, gated.port, { version: '1.2', named: known });
  t.is(gated.gate.pending, 3);
  const late = await openRaw(t, gated.port);
  late.write(rawHello({ identities: [identity], key }));
  t.deepEqual(await alertOn(late), [2, 40]);
  t.is(gated.refused.at(-1)?.error.code, 'ERR_CHANNEL_CLOSED');
});

test('a server without its gate attached, and a gate without options, give out no key', async (t) => {
  t.throws(() => createPskGate({ lookup: keyOf, timeoutMs: 5, answerAfterMs: 5 }), {
    instanceOf: RangeError,
  });
  const gated = await startGated(t, {
    pskCallback: () => createPskGate({ lookup: keyOf }).pskCallback,
  });
  t.not(await failureOf(openClient(t, gated.port)), 'secured');
  const identityOf = gated.gate.identityOf(openClient(t, gated.port));
  t.true(identityOf instanceof GbaError);
});
