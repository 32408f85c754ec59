/** A key is given for the identity that was looked up, under its version, to the connection that it was looked up for. */
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { GbaError, type PskGate } from '../../src/async-psk/index.ts';
import { makeCertificate, runOpenssl } from '../attacks/openssl.ts';
import { openRawLayer } from '../attacks/raw-client.ts';
import { manualClock } from '../support/manual-clock.ts';
import { testWith } from '../support/peers.ts';
import { startRelay, until } from '../support/tls.ts';
import { rawHello } from '../support/tls-records.ts';
import {
  alertOn,
  both,
  CIPHERS,
  dialGated,
  failureOf,
  identity,
  key,
  keyOf,
  openClient,
  openRaw,
  remoteKeyOf,
  startGated,
} from './gated.ts';

const withOpenssl = testWith('openssl');

for (const version of both) {
  test(`TLS ${version}: TLS that sees another identity than the gate gets no key`, async (t) => {
    const seen: (Uint8Array | null)[] = [];
    const otherwise =
      (gate: PskGate): PskGate['pskCallback'] =>
      (socket) => {
        const answer = gate.pskCallback(socket, 'somebody else');
        seen.push(answer);
        return answer;
      };
    const gated = await startGated(t, { lookup: remoteKeyOf, pskCallback: otherwise });
    const client = openClient(t, gated.port, { version });
    t.not(await failureOf(client), 'secured');
    t.is(gated.asked[0]?.identity, identity);
    t.is(seen.length, 1);
    if (version === '1.3') t.is(seen[0], null);
    else t.notDeepEqual(seen[0], key);
    await until(() => gated.faults.length > 0);
    t.true(gated.faults[0] instanceof GbaError);
  });

  test(`TLS ${version}: who has the key of one identity does not get in as another`, async (t) => {
    const lookup = async (request: { identity: string }): Promise<Uint8Array> =>
      Promise.resolve(keyOf(request) ?? new Uint8Array(32).fill(7));
    const gated = await startGated(t, { lookup, answerAfterMs: 20 });
    t.not(await failureOf(openClient(t, gated.port, { version, named: 'victim' })), 'secured');
    t.deepEqual(gated.identities, []);
    await dialGated(t, gated.port, { version });
    await until(() => gated.identities.length > 0);
    t.deepEqual(gated.identities, [identity]);
  });

  test(`TLS ${version}: connections at the same time get their own keys`, async (t) => {
    const names = Array.from({ length: 40 }, (_, i) => `device ${i}`);
    const keyFor = (name: string): Buffer => Buffer.alloc(32, name);
    const gated = await startGated(t, {
      lookup: async ({ identity: name }) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
        return keyFor(name);
      },
    });
    await Promise.all(
      names.map((named) => dialGated(t, gated.port, { version, named, psk: keyFor(named) })),
    );
    await until(() => gated.identities.length === names.length);
    t.deepEqual(gated.identities.map(String).sort(), names.toSorted());
  });
}

test('a key that was looked up for TLS 1.3 is not given when the server falls back to 1.2', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, tls: { maxVersion: 'TLSv1.2' } });
  t.not(await failureOf(openClient(t, gated.port)), 'secured');
  t.deepEqual(
    gated.asked.map(({ version }) => version),
    ['1.3'],
  );
  t.deepEqual(gated.identities, []);
});

test('a hello with several identities is refused unless the option allows them', async (t) => {
  const identities = ['unknown', identity, 'another'];
  const one = await startGated(t, { lookup: remoteKeyOf });
  const raw = await openRaw(t, one.port);
  raw.write(rawHello({ identities, key }));
  t.deepEqual(await alertOn(raw), [2, 40]);
  t.deepEqual(one.asked, []);
  t.is(one.refused[0]?.error.code, 'ERR_CHANNEL_POLICY');

  const three = await startGated(t, { lookup: remoteKeyOf, maxIdentities: 3 });
  const layer = await openRawLayer(three.port, {
    psks: identities.map((name) => ({ identity: name, key })),
  });
  t.truthy(layer);
  layer?.close();
  await until(() => three.identities.length > 0);
  t.deepEqual(three.identities, [identity]);
  t.is(three.asked.length, 3);
});

test('of several identities only one whose key the client has opens the layer', async (t) => {
  const lookup = ({ identity: name }: { identity: string }): Uint8Array | null =>
    keyOf({ identity: name }) ?? (name === 'victim' ? new Uint8Array(32).fill(7) : null);
  const gated = await startGated(t, { lookup, maxIdentities: 2, answerAfterMs: 20 });
  const psks = [
    { identity: 'victim', key },
    { identity, key },
  ];
  const layer = await openRawLayer(gated.port, { psks });
  t.truthy(layer);
  layer?.close();
  await until(() => gated.identities.length > 0);
  t.deepEqual(gated.identities, [identity]);
});

test('tickets before the identity are no identities, whatever their octets', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf });
  const tickets = [
    Buffer.alloc(32, 0xff),
    Buffer.concat([Buffer.from('victim\0'), Buffer.alloc(25, 1)]),
    Buffer.alloc(32),
  ];
  for (const ticket of tickets) {
    const psks = [
      { identity: ticket, key: Buffer.alloc(32), isTicket: true },
      { identity, key },
    ];
    const layer = await openRawLayer(gated.port, { psks });
    t.truthy(layer);
    layer?.close();
  }
  await until(() => gated.identities.length === 3);
  t.deepEqual(gated.identities, [identity, identity, identity]);
  t.deepEqual(
    gated.asked.map(({ identity: name }) => name),
    [identity, identity, identity],
  );
});

test('an identity cut by a NUL is not looked up as its beginning', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, clock: manualClock() });
  t.is(
    await openRawLayer(gated.port, { psks: [{ identity: `${identity}\0junk`, key }] }),
    undefined,
  );
  t.deepEqual(gated.asked, []);
  t.deepEqual(gated.identities, []);
});

test('an identity is proved by a complete handshake only', async (t) => {
  const said: unknown[] = [];
  const spying =
    (gate: PskGate): PskGate['pskCallback'] =>
    (socket, name) => {
      const answer = gate.pskCallback(socket, name);
      said.push(gate.identityOf(socket));
      return answer;
    };
  const gated = await startGated(t, { lookup: remoteKeyOf, pskCallback: spying });
  await dialGated(t, gated.port, { version: '1.2' });
  await until(() => gated.identities.length > 0);
  t.true(said[0] instanceof GbaError);
  t.deepEqual(gated.identities, [identity]);
});

test('after its handshake a connection gets its key no second time', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf });
  await dialGated(t, gated.port, { version: '1.2' });
  await until(() => gated.secured.length > 0);
  const [socket] = gated.secured as [TLSSocket];
  const again = gated.gate.pskCallback(socket, identity);
  t.is(again?.length, 32);
  t.notDeepEqual(again, key);
  t.is(gated.gate.identityOf(socket), identity);
});

test('a session that TLS 1.2 resumes proves no identity', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, tls: { secureOptions: 0 } });
  const first = openClient(t, gated.port, { version: '1.2' });
  const [session] = (await once(first, 'session')) as [Buffer];
  const second = await dialGated(t, gated.port, { version: '1.2', session });
  t.true(second.isSessionReused());
  await until(() => gated.identities.length === 2);
  t.is(gated.identities[0], identity);
  t.true(gated.identities[1] instanceof GbaError);
  t.is(gated.asked.length, 1);
});

withOpenssl('a certificate that took the place of the key proves no identity', async (t) => {
  const tls = {
    ...makeCertificate(t),
    ciphers: `TLS_AES_256_GCM_SHA384:${CIPHERS}`,
    honorCipherOrder: true,
  };
  const gated = await startGated(t, { lookup: remoteKeyOf, tls });
  sClient(t, gated.port, '-tls1_3');
  await until(() => gated.identities.length > 0);
  t.is(gated.asked[0]?.identity, identity);
  t.is(gated.secured[0]?.getCipher().name, 'TLS_AES_256_GCM_SHA384');
  t.true(gated.identities[0] instanceof GbaError);
});

withOpenssl('a hello that has to be said again, for another group, keeps its key', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, tls: { ecdhCurve: 'X25519' } });
  const relay = await startRelay(t, gated.port);
  sClient(t, relay.port, '-tls1_3', '-groups', 'P-256:X25519');
  await until(() => gated.identities.length > 0);
  t.deepEqual(gated.identities, [identity]);
  const hellos = Buffer.concat(relay.sent.toServer).toString('latin1').split(identity).length - 1;
  t.is(hellos, 2);
  t.is(gated.asked.length, 1);
});

test('a key for one name is not proved by a hello with another', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf });
  await dialGated(t, gated.port, { servername: 'one.example' });
  await until(() => gated.identities.length === 1);
  t.is(gated.asked[0]?.serverName, 'one.example');
  await dialGated(t, gated.port, { servername: '' });
  await until(() => gated.identities.length === 2);
  t.is(gated.asked[1]?.serverName, undefined);
  t.deepEqual(gated.identities, [identity, identity]);
  gated.server.prependOnceListener('secureConnection', (socket) => {
    Object.assign(socket, { servername: 'two.example' });
  });
  await dialGated(t, gated.port, { servername: 'one.example' });
  await until(() => gated.identities.length === 3);
  t.true(gated.identities[2] instanceof GbaError);
});

function sClient(
  t: Parameters<typeof runOpenssl>[0],
  port: number,
  ...more: readonly string[]
): ReturnType<typeof runOpenssl> {
  return runOpenssl(t, [
    ...['s_client', '-connect', `127.0.0.1:${port}`],
    ...['-psk_identity', identity, '-psk', key.toString('hex')],
    ...more,
  ]);
}
