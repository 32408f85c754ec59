import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import anyTest from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import { clientTlsOptions } from '../../src/net/tls.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { manualClock } from '../support/manual-clock.ts';
import {
  dial,
  drained,
  ended,
  makeSa,
  nafFqdn,
  policy,
  startNaf,
  startRelay,
  TLS13,
  until,
} from '../support/tls.ts';
import { answerTo, rawHello, RECORD, recordsOf } from '../support/tls-records.ts';

const test = anyTest.serial;
const localAddress = '127.0.0.1';
const ecdhe: TlsBinding = { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' };
const plain: TlsBinding = { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' };

for (const binding of [TLS13, ecdhe, plain]) {
  const name = binding.version === '1.2' ? binding.suite : 'TLS 1.3';
  test(`wrong key, unknown, expired and misplaced look alike on the wire with ${name}`, async (t) => {
    const wrongKey = makeSa({ binding });
    const unknown = makeSa({ binding });
    const expired = makeSa({ binding, expiresAt: Date.now() - 1 });
    const misplaced = makeSa({ binding });
    const otherBinding = binding === TLS13 ? ecdhe : TLS13;
    const sas = [
      makeSa({ ...wrongKey }),
      expired,
      makeSa({ ...misplaced, binding: otherBinding }, misplaced.key),
    ];
    const naf = await startNaf(t, sas, {
      find: (identity) => {
        const sa = naf.known.get(identity);
        return sa === expired ? undefined : sa;
      },
    });
    const seen: string[] = [];
    for (const sa of [wrongKey, unknown, expired, misplaced]) {
      const relay = await startRelay(t, naf.port);
      await t.throwsAsync(dial(t, relay.port, sa), { code: 'ERR_CHANNEL_REFUSED' });
      seen.push(JSON.stringify(shapeOf(relay.sent.toClient)));
    }
    t.is(new Set(seen).size, 1, seen.join('\n'));
    t.regex(seen[0] ?? '', /alert/);
    t.deepEqual(
      naf.refusals.filter(({ reason }) => !reason.includes('refused')).map(({ code }) => code),
      ['ERR_CHANNEL_REFUSED', 'ERR_SA_UNKNOWN', 'ERR_SA_UNKNOWN', 'ERR_CHANNEL_POLICY'],
    );
    t.deepEqual(naf.layers, []);
  });
}

test('the decoy of an identity depends on the identity and on the secret', async (t) => {
  const decoySecret = randomBytes(32);
  const naf = await startNaf(t, [], { decoySecret });
  const other = await startNaf(t, []);
  const identity = '3GPP-bootstrapping;nobody';
  const key = createHmac('sha256', decoySecret).update(identity).digest();
  t.is(
    (await answerTo(naf.port, rawHello({ identities: [identity], key })))?.type,
    RECORD.handshake,
  );
  t.is((await answerTo(other.port, rawHello({ identities: [identity], key })))?.type, RECORD.alert);
});

test('whoever guesses a decoy completes a handshake and still gets no layer', async (t) => {
  const decoySecret = randomBytes(32);
  const stranger = makeSa();
  const identity = pskIdentityOf(stranger.bTid);
  const decoy = createHmac('sha256', decoySecret).update(identity).digest();
  const naf = await startNaf(t, [], { decoySecret });
  await ended(dial(t, naf.port, makeSa({ ...stranger }, decoy)));
  await until(() => naf.refusals.length > 0);
  t.deepEqual(naf.layers, []);
  t.deepEqual([naf.refusals[0]?.code, naf.server.fullHandshakes], ['ERR_SA_UNKNOWN', 0]);
});

for (const binding of [TLS13, ecdhe]) {
  const name = `TLS ${binding.version}`;
  test(`a saved session falls back to a full handshake in ${name}, and fails once the key is over`, async (t) => {
    const sa = makeSa({ binding });
    const identity = pskIdentityOf(sa.bTid);
    const naf = await startNaf(t, [sa]);
    const options = keepingSessions(sa);
    const session = await sessionOf(connect({ port: naf.port, ...options }));
    await naf.layer(0);

    const again = connect({ port: naf.port, ...options, session });
    await once(again, 'secureConnect');
    await naf.layer(1);
    again.destroy();
    t.is(naf.server.fullHandshakes, 2);
    t.is(naf.asked.filter((asked) => asked === identity).length, 4);

    naf.known.clear();
    const revoked = connect({ port: naf.port, ...options, session });
    await drained(revoked);
    t.is(naf.layers.length, 2);
    t.is(naf.server.fullHandshakes, 2);
  });
}

test('a saved session whose id a NUL cuts short falls back as well', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa]);
  const session = await sessionOf(connect({ port: naf.port, ...keepingSessions(sa) }));
  const at = session.indexOf('aa220420', 0, 'hex') + 4;
  t.true(at > 4, 'the session holds a stateful ticket of 32 octets');
  for (const [index, head] of ['', 'a', 'ab', 'abc'].entries()) {
    const cut = Buffer.from(session);
    cut.write(`${head}\0`, at);
    const again = connect({ port: naf.port, ...keepingSessions(sa), session: cut });
    await once(again, 'secureConnect');
    await naf.layer(index + 1);
    again.destroy();
  }
  t.is(naf.server.fullHandshakes, 5);
});

test('a hello with psk_ke alone is refused before any key is looked up', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa]);
  const hello = { identities: [pskIdentityOf(sa.bTid)], key: sa.key };
  t.is((await answerTo(naf.port, rawHello({ ...hello, modes: [1] })))?.type, RECORD.handshake);
  t.is(naf.asked.length, 1);
  const refused = await answerTo(naf.port, rawHello({ ...hello, modes: [0] }));
  t.is(refused?.type, RECORD.alert);
  t.is(naf.asked.length, 1);
});

test('a hello that answers as nobody first is refused, whoever it names next', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa]);
  const own = pskIdentityOf(sa.bTid);
  const hello = rawHello({ identities: ['3GPP-bootstrapping;nobody', own], key: sa.key });
  t.is((await answerTo(naf.port, hello))?.type, RECORD.alert);
  t.deepEqual(naf.layers, []);
});

test('an identity counts letter for letter: no prefix, NUL, newline, other base64 or excess length', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa]);
  const own = pskIdentityOf(sa.bTid);
  t.is(
    (await answerTo(naf.port, rawHello({ identities: [own], key: sa.key })))?.type,
    RECORD.handshake,
  );
  const near: readonly (string | Uint8Array)[] = [
    own.slice(0, -1),
    `${own.slice(0, 30)}\0${own.slice(30)}`,
    `\0${own}`,
    `${own}\n`,
    `${own} `,
    own.replace('==@', '@'),
    own.replace('3GPP', '3gpp'),
    sa.bTid,
    '',
    Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb]),
    own.padEnd(257, 'a'),
  ];
  for (const identity of near) {
    const answer = await answerTo(naf.port, rawHello({ identities: [identity], key: sa.key }));
    t.is(answer?.type ?? RECORD.alert, RECORD.alert, JSON.stringify(identity));
  }
  t.deepEqual(naf.layers, []);
  t.true(naf.refusals.every(({ reason }) => !/[\n\0]/.test(reason)));
});

test('a hundred idle connections are bounded and do not keep the real UE out', async (t) => {
  const sa = makeSa();
  const naf = await startNaf(t, [sa], { limits: { handshakes: 20, perAddress: 10 } });
  const idle = await Promise.all(Array.from({ length: 100 }, () => openIdle(naf.port)));
  await until(() => idle.filter((socket) => socket.closed).length === 90);
  t.is(naf.server.pendingHandshakes, 10);
  await dial(t, naf.port, sa);
  await naf.layer();
  t.is(naf.server.pendingHandshakes, 9);
  for (const socket of idle) socket.destroy();
  await until(() => naf.server.pendingHandshakes === 0);
});

test('the bound on all handshakes holds over many addresses', async (t) => {
  const naf = await startNaf(t, [], { limits: { handshakes: 3, perAddress: 1 } });
  const sources = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.5'];
  const idle: Socket[] = [];
  for (const source of sources) idle.push(await openIdle(naf.port, source));
  await until(() => idle.filter((socket) => socket.closed).length === 2);
  t.deepEqual(
    idle.map((socket) => socket.closed),
    [true, false, false, true, false],
  );
  for (const socket of idle) socket.destroy();
  await until(() => naf.server.pendingHandshakes === 0);
});

test('one deadline spans a handshake, from the TCP connection to the proof', async (t) => {
  const clock = manualClock(Date.now());
  const sa = makeSa();
  const naf = await startNaf(t, [sa], { clock });
  const silent = await openIdle(naf.port);
  const slow = await openIdle(naf.port);
  const hello = rawHello({ identities: [pskIdentityOf(sa.bTid)], key: sa.key });
  await until(() => naf.server.pendingHandshakes === 2);
  clock.advance(policy.handshakeTimeoutMs - 1);
  slow.write(hello);
  await until(() => naf.asked.length === 1);
  t.is(naf.server.pendingHandshakes, 2);
  clock.advance(1);
  await until(() => silent.closed && slow.closed);
  t.is(naf.server.pendingHandshakes, 0);
  t.deepEqual(
    naf.refusals.map(({ code }) => code),
    ['ERR_CHANNEL_TIMEOUT', 'ERR_CHANNEL_TIMEOUT'],
  );
});

test('one client port to two local addresses is two handshakes, each with its deadline', async (t) => {
  const clock = manualClock(Date.now());
  const naf = await startNaf(t, [], { host: '0.0.0.0', clock });
  const first = await openIdle(naf.port);
  const localPort = first.localPort ?? 0;
  const second = connectTcp({ port: naf.port, host: '127.0.0.2', localAddress, localPort });
  second.on('error', () => undefined).resume();
  await once(second, 'connect');
  await until(() => naf.server.pendingHandshakes === 2);
  clock.advance(policy.handshakeTimeoutMs);
  await until(() => first.closed && second.closed);
  t.is(naf.server.pendingHandshakes, 0);
});

test('a proven layer outlives the handshake deadline', async (t) => {
  const clock = manualClock(Date.now());
  const sa = makeSa();
  const naf = await startNaf(t, [sa], { clock });
  const ue = await dial(t, naf.port, sa, { clock });
  const layer = await naf.layer();
  clock.advance(policy.handshakeTimeoutMs * 2);
  t.false(layer.socket.destroyed || ue.socket.destroyed);
  t.is(clock.pending, 0);
});

test('garbage instead of TLS is refused and told', async (t) => {
  const naf = await startNaf(t, []);
  for (const octets of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x00\x05\x01\0\0\x01\x00']) {
    await answerTo(naf.port, Buffer.from(octets, 'latin1'));
  }
  await until(() => naf.refusals.length === 2);
  t.is(naf.server.pendingHandshakes, 0);
});

/** What an observer learns: record types and lengths, and the alerts in clear. */
function shapeOf(chunks: readonly Buffer[]): unknown {
  return recordsOf(chunks).map(({ type, body }) =>
    type === RECORD.alert ? { alert: body.toString('hex') } : { type, octets: body.length },
  );
}

/** A client that does what ours never does: it keeps sessions and offers them again. */
function keepingSessions({ binding, bTid, key }: LiveSa): ConnectionOptions {
  const identity = pskIdentityOf(bTid);
  const tls = clientTlsOptions(policy, { binding, serverName: nafFqdn, identity, key });
  return { host: '127.0.0.1', ...tls, secureOptions: 0, sessionTimeout: 300 };
}

/** The session that the server gives; in TLS 1.2 one of its own making, without a ticket. */
async function sessionOf(socket: TLSSocket): Promise<Buffer> {
  const [session] = (await once(socket.resume(), 'session')) as [Buffer];
  socket.destroy();
  return session;
}

async function openIdle(port: number, source = localAddress): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress: source });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}
