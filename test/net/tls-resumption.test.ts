import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { EMPTY, fromHex, toHex } from '../../src/lib/bytes.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { ListenPskOptions } from '../../src/net/psk-server.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import type { Announced, LiveSa } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { SaSessions } from '../../src/sa/sessions.ts';
import { openTls12, temporaryFolder } from '../attacks/openssl.ts';
import { openRawLayer } from '../attacks/raw-client.ts';
import { startFlightRelay } from '../support/flights.ts';
import { manualClock } from '../support/manual-clock.ts';
import { testWith } from '../support/peers.ts';
import { handshakeMessagesOf } from '../support/tls-records.ts';
import {
  carry,
  dial,
  ended,
  every12Binding,
  makeSa,
  policy,
  startNaf,
  until,
  type Naf,
} from '../support/tls.ts';

const test = anyTest.serial;
const withOpenssl = testWith('openssl');
const binding: TlsBinding = { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' };

interface Scene extends Naf {
  readonly sessions: SaSessions;
  readonly registry: SaRegistry;
  /** Dials as a UE that keeps sessions, and closes the layer when it is proved at both ends. */
  readonly redial: (sa: LiveSa) => Promise<SecuredSocket>;
  readonly ueSessions: SaSessions;
}

/** A NAF with `sa-bound`, whose registry owns copies of these associations, and its UE. */
async function openScene(
  t: ExecutionContext,
  sas: readonly LiveSa[],
  options: Partial<ListenPskOptions> = {},
): Promise<Scene> {
  const clock = manualClock(Date.now());
  const sessions = new SaSessions(2);
  const ueSessions = new SaSessions(1);
  const registry = new SaRegistry({ clock, sessions });
  for (const sa of sas) registry.add(makeSa({ ...sa }, Uint8Array.from(sa.key)) as Announced);
  t.teardown(() => {
    registry.closeAll('revoked');
  });
  const find = (identity: string) => registry.find(identity);
  const naf = await startNaf(t, [], { find, sessions, ...options });
  const redial = async (sa: LiveSa): Promise<SecuredSocket> => {
    const next = naf.layers.length;
    const ue = await dial(t, naf.port, sa, { sessions: ueSessions });
    await naf.layer(next);
    ue.socket.destroy();
    return ue;
  };
  return { ...naf, sessions, ueSessions, registry, redial };
}

for (const each of every12Binding) {
  const name = each.version === '1.2' ? each.suite : '';
  test(`a session of the association shortens the next handshake, ${name}`, async (t) => {
    const sa = makeSa({ binding: each });
    const { server, port, layer, redial, sessions, ueSessions } = await openScene(t, [sa]);
    t.false((await redial(sa)).resumed);
    const ue = await dial(t, port, sa, { sessions: ueSessions });
    t.true(ue.resumed);
    const { resumed, sa: proved, socket } = await layer(1);
    t.true(resumed);
    t.is(proved.bTid, sa.bTid);
    t.is(socket.getCipher().name, name);
    t.is(ue.socket.alpnProtocol, 'coap');
    t.is(await carry(socket, ue.socket, 'push'), 'push');
    t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [1, 1]);
    t.deepEqual([sessions.size, ueSessions.size], [1, 1]);
  });
}

test('a resumed handshake has one flight less: the UE may speak after one round trip', async (t) => {
  const sa = makeSa({ binding });
  const { port, layer, ueSessions } = await openScene(t, [sa]);
  const relay = await startFlightRelay(t, port);
  const turns: string[] = [];
  for (const index of [0, 1]) {
    const ue = await dial(t, relay.port, sa, { sessions: ueSessions });
    await layer(index);
    turns.push(relay.turns.map((who) => (who === 'client' ? '>' : '<')).join(''));
    ue.socket.destroy();
  }
  t.deepEqual(turns, ['><><', '><>']);
});

test('without sessions on either side every handshake is a full one', async (t) => {
  const sa = makeSa({ binding });
  const { server, port, redial } = await openScene(t, [sa]);
  await redial(sa);
  t.false((await dial(t, port, sa)).resumed);
  const off = await startNaf(t, [sa]);
  const ueSessions = new SaSessions(1);
  for (let i = 0; i < 2; i += 1) {
    t.false((await dial(t, off.port, sa, { sessions: ueSessions })).resumed);
  }
  await off.layer(1);
  t.is(off.server.fullHandshakes, 2);
  t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [2, 0]);
});

test('in TLS 1.3 no session is kept at either end', async (t) => {
  const sa = makeSa();
  const { server, sessions, ueSessions, redial } = await openScene(t, [sa]);
  for (let i = 0; i < 2; i += 1) t.false((await redial(sa)).resumed);
  t.deepEqual([sessions.size, ueSessions.size], [0, 0]);
  t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [2, 0]);
});

test('after a revocation a session opens nothing, and none of that association is left', async (t) => {
  const [sa, other] = [makeSa({ binding }), makeSa({ binding })];
  const { port, server, registry, sessions, ueSessions, redial, refusals } = await openScene(t, [
    sa,
    other,
  ]);
  await redial(sa);
  await redial(other);
  const kept = sessions.latest(sa.bTid);
  registry.close(sa.bTid, 'revoked');
  t.deepEqual(kept?.octets, Buffer.alloc(kept?.octets.length ?? 0));
  t.is(sessions.size, 1);
  await t.throwsAsync(dial(t, port, sa, { sessions: ueSessions }), { code: 'ERR_CHANNEL_REFUSED' });
  t.is(refusals.at(-1)?.code, 'ERR_SA_UNKNOWN');
  t.true((await redial(other)).resumed);
  t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [2, 1]);
});

test('after its key expired a session opens nothing', async (t) => {
  const clock = manualClock(Date.now());
  const sa = makeSa({ binding, expiresAt: clock.now() + 60_000 });
  const sessions = new SaSessions(2);
  const ueSessions = new SaSessions(1);
  const registry = new SaRegistry({ clock, sessions });
  registry.add(makeSa({ ...sa }, Uint8Array.from(sa.key)) as Announced);
  const find = (identity: string) => registry.find(identity);
  const naf = await startNaf(t, [], { find, sessions });
  await dial(t, naf.port, sa, { sessions: ueSessions });
  await naf.layer();
  clock.advance(60_000);
  t.is(sessions.size, 0);
  const late = dial(t, naf.port, sa, { sessions: ueSessions });
  await t.throwsAsync(late, { code: 'ERR_CHANNEL_REFUSED' });
  t.is(naf.layers.length, 1);
});

for (const moment of ['ClientHello', 'Finished']) {
  test(`a revocation just before the ${moment} of a resumed handshake lets nobody in`, async (t) => {
    const sa = makeSa({ binding });
    const { port, registry, ueSessions, redial, layers, refusals } = await openScene(t, [sa]);
    await redial(sa);
    const relay = await startFlightRelay(t, port, (flight) => {
      if (flight === (moment === 'ClientHello' ? 1 : 2)) registry.close(sa.bTid, 'revoked');
    });
    await ended(dial(t, relay.port, sa, { sessions: ueSessions }));
    await until(() => refusals.length > 0);
    t.is(refusals[0]?.code, 'ERR_SA_UNKNOWN');
    t.is(layers.length, 1);
  });
}

test('a key that is replaced under the same name ends the session of the old one', async (t) => {
  const sa = makeSa({ binding });
  let current: LiveSa = sa;
  const { server, redial } = await openScene(t, [], { find: () => current });
  await redial(sa);
  current = makeSa({ ...sa });
  const renewed = await redial(current);
  t.false(renewed.resumed);
  t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [2, 0]);
});

test('an association has two sessions at the most; the oldest made room', async (t) => {
  const sa = makeSa({ binding });
  const { port, layer, sessions } = await openScene(t, [sa]);
  const devices = [1, 2, 3].map(() => new SaSessions(1));
  for (const [i, device] of devices.entries()) {
    await dial(t, port, sa, { sessions: device });
    await layer(i);
    t.true(sessions.size <= 2);
  }
  const resumed: boolean[] = [];
  for (const device of devices.toReversed()) {
    resumed.push((await dial(t, port, sa, { sessions: device })).resumed);
  }
  t.deepEqual(resumed, [true, true, false]);
});

test('another association’s session id, seen on the wire, opens nothing and harms nobody', async (t) => {
  const [victim, own] = [makeSa({ binding }), makeSa({ binding })];
  const scene = await openScene(t, [victim, own]);
  const { port, layers, server, sessions, ueSessions, redial } = scene;
  await redial(victim);
  await redial(own);
  const mine = ueSessions.latest(own.bTid);
  const [from, to] = [own, victim].map(({ bTid }) => sessions.latest(bTid)?.id);
  if (mine === undefined || from === undefined || to === undefined) return t.fail();
  const forged = new SaSessions(1);
  const octets = fromHex(toHex(mine.octets).replace(from, to));
  forged.keep({ ...mine, octets });
  await t.throwsAsync(dial(t, port, own, { sessions: forged }), { code: 'ERR_CHANNEL_REFUSED' });
  t.is(layers.length, 2);
  t.is(forged.size, 0);
  t.true((await redial(victim)).resumed);
  t.is(server.resumedHandshakes, 1);
});

test('a stolen session is the association that it is of, whoever offers it, and ends with it', async (t) => {
  const [victim, thief] = [makeSa({ binding }), makeSa({ binding })];
  const { port, layer, layers, registry, ueSessions, redial } = await openScene(t, [victim, thief]);
  await redial(victim);
  const stolen = ueSessions.latest(victim.bTid);
  if (stolen === undefined) return t.fail();
  const loot = (): SaSessions => {
    const sessions = new SaSessions(1);
    sessions.keep({ ...stolen, bTid: thief.bTid, octets: Uint8Array.from(stolen.octets) });
    return sessions;
  };
  const first = loot();
  await dial(t, port, thief, { sessions: first });
  t.is((await layer(1)).sa.bTid, victim.bTid);
  registry.close(victim.bTid, 'superseded');
  const second = loot();
  t.false((await dial(t, port, thief, { sessions: second })).resumed);
  t.is((await layer(2)).sa.bTid, thief.bTid);
  t.is(layers.length, 3);
});

test('a UE does not offer again what a handshake failed with, and falls back by itself', async (t) => {
  const sa = makeSa({ binding });
  const { redial, ueSessions, port } = await openScene(t, [sa]);
  await redial(sa);
  const hellos: number[] = [];
  const hostile = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk: Buffer) => {
      const [hello] = handshakeMessagesOf([chunk]);
      hellos.push(hello?.body.readUInt8(34) ?? -1);
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(hostile, 'listening');
  t.teardown(() => hostile.close());
  const { port: hostilePort } = hostile.address() as AddressInfo;
  for (let i = 0; i < 2; i += 1) {
    await t.throwsAsync(dial(t, hostilePort, sa, { sessions: ueSessions }));
  }
  t.deepEqual(hellos, [32, 0]);
  t.false((await dial(t, port, sa, { sessions: ueSessions })).resumed);
});

test('a TLS 1.2 session is no key of TLS 1.3, not even at a listener of both', async (t) => {
  const sa = makeSa({ binding });
  const { port, layers, sessions, redial } = await openScene(t, [sa]);
  await redial(sa);
  const { id = '', octets = EMPTY } = sessions.latest(sa.bTid) ?? {};
  const key = fromHex(/0430([0-9a-f]{96})/.exec(toHex(octets))?.[1] ?? '');
  t.is(key.length, 48);
  for (const isTicket of [true, false]) {
    // OpenSSL takes an identity of 32 octets for a session's and is given that of legacy_session_id.
    const psks = [{ identity: Buffer.alloc(32), key, isTicket }];
    const hello = { psks, sessionId: fromHex(id), serverName: Buffer.from(sa.nafFqdn) };
    t.is(await openRawLayer(port, hello), undefined);
  }
  t.is(layers.length, 1);
});

withOpenssl(
  'openssl resumes an association’s session without its key, and not after it',
  async (t) => {
    const sa = makeSa({ binding });
    const { port, layer, server, registry } = await openScene(t, [sa]);
    const file = join(temporaryFolder(t), 'session');
    const named = ['-servername', sa.nafFqdn];
    await saveSession(t, port, sa, [...named, '-sess_out', file]);
    const keyless = { ...sa, key: new Uint8Array(32) };
    const again = openTls12(t, port, keyless, ...named, '-sess_in', file);
    t.true(await again.says(/Reused, TLSv1\.2/), again.said());
    t.true((await layer(1)).resumed);
    t.deepEqual([server.fullHandshakes, server.resumedHandshakes], [1, 1]);
    registry.close(sa.bTid, 'revoked');
    const late = openTls12(t, port, keyless, ...named, '-sess_in', file);
    t.false(await late.says(/Reused/));
    t.regex(late.said(), /alert bad record mac/);
  },
);

withOpenssl(
  'a resuming hello that names another NAF or nobody is judged as a full one',
  async (t) => {
    const sa = makeSa({ binding });
    const strict = { ...policy, requireServerName: true };
    const { port, layers, layer, refusals } = await openScene(t, [sa], { policy: strict });
    const file = join(temporaryFolder(t), 'session');
    await saveSession(t, port, sa, ['-servername', sa.nafFqdn, '-sess_out', file]);
    for (const more of [['-servername', 'evil.example'], ['-noservername']]) {
      const before = refusals.length;
      openTls12(t, port, sa, ...more, '-sess_in', file);
      await until(() => refusals.length > before);
    }
    t.deepEqual(
      refusals.map(({ reason }) => /names (\S+),/.exec(reason)?.[1]),
      ['"evil.example"', 'nobody'],
    );
    t.is(layers.length, 1);
    openTls12(t, port, sa, '-servername', sa.nafFqdn.toUpperCase(), '-sess_in', file);
    t.true((await layer(1)).resumed);
  },
);

withOpenssl('a session is of no use under another suite', async (t) => {
  const sa = makeSa({ binding });
  const { port, layers } = await openScene(t, [sa]);
  const file = join(temporaryFolder(t), 'session');
  await saveSession(t, port, sa, ['-servername', sa.nafFqdn, '-sess_out', file]);
  const other: LiveSa = { ...sa, binding: { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' } };
  const client = openTls12(t, port, other, '-servername', sa.nafFqdn, '-sess_in', file);
  t.true(await client.says(/alert number 47|alert illegal parameter/), client.said());
  t.is(layers.length, 1);
});

/** A full handshake by openssl, ended when its session is on disk. */
async function saveSession(
  t: ExecutionContext,
  port: number,
  sa: LiveSa,
  more: readonly string[],
): Promise<void> {
  const client = openTls12(t, port, sa, ...more);
  t.true(await client.says(/Session-ID: [0-9A-F]{64}/), client.said());
  client.type('Q\n');
  await client.says(/DONE/);
}
