/** Peers of Nbsp_GBA that mean harm, or that speak something else: what each costs is bounded. */
import { once } from 'node:events';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import anyTest, { type ExecutionContext } from 'ava';
import { subscribe } from '../../src/lib/events.ts';
import type { Http2Address } from '../../src/net/http2-address.ts';
import { makeCertificate } from '../attacks/openssl.ts';
import { nafRecord } from '../support/bsf.ts';
import { fields, FLAG, frame, FRAME, rawHttp2, type RawHttp2 } from '../support/http2-frames.ts';
import { manualClock } from '../support/manual-clock.ts';
import {
  bearer,
  JSON_TYPE,
  openNbsp,
  post,
  PUSH,
  pushBody,
  serveNbsp,
  type ServedNbsp,
} from '../support/nbsp.ts';
import { drained, policy, until } from '../support/tls.ts';

const test = anyTest.serial;

/** Where it listens, for who dials by hand. */
function portOf(address: Http2Address): { readonly host: string; readonly port: number } {
  if (address.scheme === 'unix') throw new Error('it listens on a file');
  return address;
}

/** Field lines of a push-info request; its body would follow. */
function head(token: string, more: Readonly<Record<string, string>> = {}): Uint8Array {
  return fields({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'bsf',
    ':path': PUSH,
    'content-type': JSON_TYPE,
    authorization: `Bearer ${token}`,
    ...more,
  });
}

const odd = (n: number): number => 2 * n + 1;
const CANCEL = Uint8Array.of(0, 0, 0, 8);

/** The others are served as before: the proof that a bound protects somebody. */
async function serves(t: ExecutionContext, { address, naf }: ServedNbsp): Promise<void> {
  t.is((await post(openNbsp(t, address), pushBody, bearer(naf.token))).status, 200);
}

/** What is left of a raw peer: that the server has ended it, and how many streams it was refused. */
async function endedBy(raw: RawHttp2): Promise<number> {
  await raw.ended;
  return raw.received.filter(({ type }) => type === FRAME.reset).length;
}

test('hostile requests get a problem each, cost no vector and leave the session open', async (t) => {
  const { address, naf, vectors } = await serveNbsp(t);
  const session = openNbsp(t, address);
  const auth = bearer(naf.token);
  const requests: [unknown, OutgoingHttpHeaders, number][] = [
    ['', {}, 400],
    ['not JSON', {}, 400],
    ['null', {}, 400],
    ['[]', {}, 400],
    ['{"ueId":"\ud800"}', {}, 400],
    ['['.repeat(8_000) + ']'.repeat(8_000), {}, 400],
    [`${'{"nafId":'.repeat(1_500)}1${'}'.repeat(1_500)}`, {}, 400],
    [{ ...pushBody, ptId: 'short' }, {}, 400],
    [{ ...pushBody, ueId: 'x'.repeat(300) }, {}, 400],
    [`"${'x'.repeat(20_000)}"`, {}, 413],
    [`"${'x'.repeat(200_000)}"`, {}, 413],
    [pushBody, { 'content-type': 'text/plain' }, 415],
    [pushBody, { 'content-type': '' }, 415],
    [pushBody, { ':path': '/' }, 404],
    [pushBody, { ':path': `${PUSH}/` }, 404],
    [pushBody, { ':path': `${PUSH}?x=1` }, 404],
    [pushBody, { ':path': '/nbsp-gba/v2/push-info-retrieval' }, 404],
    [pushBody, { ':method': 'PUT' }, 405],
    [pushBody, { ':method': 'DELETE' }, 405],
    ['', { ':method': 'GET' }, 405],
  ];
  for (const [body, headers, status] of requests) {
    const reply = await post(session, body, { ...auth, ...headers });
    t.is(reply.status, status, `${JSON.stringify(headers)} ${String(reply.json['title'])}`);
  }
  t.is(vectors.length, 0);
  t.is((await post(session, pushBody, auth)).status, 200);
});

test('HEAD and CONNECT are refused, and leave the session open', async (t) => {
  const { address, naf } = await serveNbsp(t);
  const session = openNbsp(t, address);
  for (const [headers, status] of [
    [{ ':method': 'HEAD', ':path': PUSH }, 405],
    [{ ':method': 'CONNECT', ':authority': 'elsewhere:443' }, 404],
  ] as const) {
    const stream = session.request({ ...headers, ...bearer(naf.token) });
    stream.on('error', () => undefined);
    const [got] = (await once(stream, 'response')) as [Record<string, unknown>];
    t.is(got[':status'], status);
    stream.destroy();
  }
  t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
});

test('octets that are no HTTP/2, also HTTP/1, end their own connection alone', async (t) => {
  const served = await serveNbsp(t);
  const session = openNbsp(t, served.address);
  await post(session, pushBody, bearer(served.naf.token));
  const { port, host } = portOf(served.address);
  for (const octets of [
    `POST ${PUSH} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
    Buffer.alloc(1_000),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\xff\xff\0\0\0\0\0\0', 'latin1'),
  ]) {
    const socket = connect(port, host);
    await once(socket, 'connect');
    socket.end(octets);
    t.false((await drained(socket)).includes('HTTP'));
  }
  t.is((await post(session, pushBody, bearer(served.naf.token))).status, 200);
});

test('TLS without a pre-shared key, with a certificate, TLS 1.2, no h2, and clear text get nothing', async (t) => {
  const identity = 'meters.example.org';
  const key = new Uint8Array(32).fill(7);
  const naf = nafRecord({ proof: { identity, key } });
  const { address, vectors } = await serveNbsp(t, { naf, at: 'https://127.0.0.1:0' });
  const { port, host } = portOf(address);
  const at: ConnectionOptions = { host, port, rejectUnauthorized: false };
  const psk = { pskCallback: () => ({ identity, psk: key }), checkServerIdentity: () => undefined };
  const ciphers = 'TLS_AES_128_GCM_SHA256';
  const certificate = makeCertificate(t, identity);
  const codes: string[] = [];
  const stop = subscribe('gba:tls:refused', ({ code }) => codes.push(code));
  t.teardown(stop);
  const attempts: ConnectionOptions[] = [
    at,
    { ...at, ...certificate, ALPNProtocols: ['h2'] },
    { ...at, ...certificate, ciphers, ALPNProtocols: ['h2'] },
    { ...at, ...psk, maxVersion: 'TLSv1.2', ciphers: 'PSK-AES128-GCM-SHA256' },
    { ...at, ...psk, ciphers, ALPNProtocols: ['coap'] },
    { ...at, ...psk, ciphers, ALPNProtocols: ['http/1.1'] },
    { ...at, ...psk, ciphers },
  ];
  for (const options of attempts) {
    const socket = connectTls(options);
    t.is((await drained(socket)).length, 0);
  }
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  t.false((await drained(socket)).includes('HTTP'));
  await until(() => codes.length === attempts.length + 1);
  t.is(vectors.length, 0);
});

test('a request whose body does not come is ended, and its NAF may ask again', async (t) => {
  const held = manualClock();
  const { address, naf } = await serveNbsp(t, { clock: held });
  const session = openNbsp(t, address);
  t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
  t.is(held.pending, 0);
  const headers = { ':method': 'POST', ':path': PUSH, 'content-type': JSON_TYPE };
  const stream = session.request({ ...headers, ...bearer(naf.token) });
  stream.on('error', () => undefined);
  stream.write('{');
  await until(() => held.pending === 1);
  held.advance(10_000);
  await once(stream, 'close');
  t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
  t.is(held.pending, 0);
});

test('a stranger’s body is read as far as a request goes, and no longer than one may take', async (t) => {
  const held = manualClock();
  const { address, vectors } = await serveNbsp(t, { clock: held });
  const ask = async (body: string) => {
    const session = openNbsp(t, address);
    const headers = { ':method': 'POST', ':path': PUSH, 'content-type': JSON_TYPE };
    const stream = session.request({ ...headers, ...bearer('x'.repeat(32)) });
    stream.on('error', () => undefined).resume();
    stream.write(body);
    const [got] = (await once(stream, 'response')) as [Record<string, unknown>];
    t.is(got[':status'], 401);
    return stream;
  };
  const late = await ask('{');
  t.true(held.pending >= 1 && !late.closed);
  held.advance(10_000);
  if (!late.closed) await once(late, 'close');
  const endless = await ask('x'.repeat(40_000));
  if (!endless.closed) await once(endless, 'close');
  const whole = await ask('{}');
  whole.end();
  if (!whole.closed) await once(whole, 'close');
  t.is(whole.rstCode, 0);
  t.is(vectors.length, 0);
});

test('a session has 64 streams; who opens more loses it', async (t) => {
  const served = await serveNbsp(t, { clock: manualClock() });
  const raw = await rawHttp2(t, portOf(served.address));
  raw.send(frame(FRAME.settings, FLAG.ack, 0));
  for (let n = 0; n < 1_000; n += 1) {
    raw.send(frame(FRAME.headers, FLAG.endHeaders, odd(n), head(served.naf.token)));
  }
  t.true((await endedBy(raw)) <= 200);
  await serves(t, served);
});

for (const [who, flags, token] of [
  ['a NAF', FLAG.endHeaders, undefined],
  ['a stranger', FLAG.endHeaders | FLAG.endStream, 'x'.repeat(32)],
] as const) {
  test(`requests that ${who} takes back at once end its session after a hundred or so`, async (t) => {
    const held = manualClock();
    const served = await serveNbsp(t, { clock: held });
    let refused = 0;
    const stop = subscribe('gba:nbsp:refused', () => (refused += 1));
    t.teardown(stop);
    const raw = await rawHttp2(t, portOf(served.address));
    const lines = head(token ?? served.naf.token);
    for (let n = 0; n < 20_000 && raw.socket.writable; n += 1) {
      raw.send(frame(FRAME.headers, flags, odd(n), lines), frame(FRAME.reset, 0, odd(n), CANCEL));
      if (n % 100 === 0) await new Promise(setImmediate);
    }
    await raw.ended;
    t.true(refused < 2_000, `${refused} requests were looked at`);
    t.is(served.vectors.length, 0);
    await serves(t, served);
    t.is(held.pending, 0);
  });
}

test('a NAF that takes back a request now and then keeps its session', async (t) => {
  const held = manualClock();
  const served = await serveNbsp(t, { clock: held });
  const raw = await rawHttp2(t, portOf(served.address));
  const lines = head(served.naf.token);
  for (let n = 0; n < 400; n += 1) {
    const ping = raw.received.length;
    raw.send(
      frame(FRAME.headers, FLAG.endHeaders, odd(n), lines),
      frame(FRAME.reset, 0, odd(n), CANCEL),
      frame(FRAME.ping, 0, 0, new Uint8Array(8)),
    );
    await until(() => raw.received.slice(ping).some(({ type }) => type === FRAME.ping));
    held.advance(100);
  }
  t.false(raw.socket.closed);
});

test('header floods end the session or the stream, and reach nobody', async (t) => {
  const served = await serveNbsp(t);
  const at = portOf(served.address);
  const { token } = served.naf;

  const endless = await rawHttp2(t, at);
  endless.send(frame(FRAME.headers, 0, 1, head(token)));
  for (let n = 0; n < 10_000 && endless.socket.writable; n += 1) {
    const more = fields({ [`x${n}`]: 'y'.repeat(1_000) });
    endless.send(frame(FRAME.continuation, 0, 1, more));
    if (n % 100 === 0) await new Promise(setImmediate);
  }
  await endless.ended;

  const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x${n}`, 'y']));
  for (const more of [many, { x: 'y'.repeat(9_000) }]) {
    const raw = await rawHttp2(t, at);
    await until(() => raw.received.length > 0);
    raw.send(
      frame(FRAME.settings, FLAG.ack, 0),
      frame(FRAME.headers, FLAG.endHeaders, 1, head(token, more)),
    );
    await until(() => raw.received.some(({ type }) => type === FRAME.reset));
    t.false(raw.received.some(({ type }) => type === FRAME.headers));
  }
  t.is(served.vectors.length, 0);
  await serves(t, served);
});

test('floods of PING, SETTINGS and empty DATA whose answers nobody reads end the session', async (t) => {
  const served = await serveNbsp(t);
  const floods: [string, Uint8Array][] = [
    ['PING', frame(FRAME.ping, 0, 0, new Uint8Array(8))],
    ['SETTINGS', frame(FRAME.settings, 0, 0)],
    ['DATA', frame(FRAME.data, 0, 1)],
  ];
  for (const [name, one] of floods) {
    const raw = await rawHttp2(t, portOf(served.address));
    raw.socket.pause();
    raw.send(frame(FRAME.headers, FLAG.endHeaders, 1, head(served.naf.token)));
    const hundred = Buffer.concat(Array.from({ length: 100 }, () => one));
    for (let n = 0; n < 5_000 && raw.socket.writable; n += 1) {
      raw.send(hundred);
      if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    raw.socket.resume();
    await raw.ended;
    t.true(raw.socket.closed, name);
  }
  await serves(t, served);
});

test('a connection that shows no token ends after the handshake time, one that did lasts', async (t) => {
  const held = manualClock();
  const { address, naf } = await serveNbsp(t, { clock: held });
  const client = openNbsp(t, address);
  await post(client, pushBody, bearer(naf.token));
  const [silent, stranger] = [connect(portOf(address)), openNbsp(t, address)];
  const ended = drained(silent);
  t.is((await post(stranger, pushBody, bearer('x'.repeat(32)))).status, 401);
  await until(() => held.pending === 2);
  held.advance(policy.handshakeTimeoutMs);
  await ended;
  if (!stranger.closed) await once(stranger, 'close');
  t.is((await post(client, pushBody, bearer(naf.token))).status, 200);
  t.is(held.pending, 0);
});

test('a thousand idle connections are 64, and keep no NAF out', async (t) => {
  const served = await serveNbsp(t);
  let open = 0;
  for (let n = 0; n < 1_000; n += 1) {
    const socket = connect(portOf(served.address));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    open += 1;
    socket.resume();
    socket.once('close', () => (open -= 1));
    t.teardown(() => socket.destroy());
  }
  await until(() => open <= 64);
  await serves(t, served);
});

test('a NAF has 64 sessions; the oldest gives way to the next', async (t) => {
  const { address, naf } = await serveNbsp(t, {
    naf: nafRecord({ vectors: { burst: 100, perSecond: 1 } }),
  });
  const sessions: ClientHttp2Session[] = [];
  for (let n = 0; n < 66; n += 1) {
    const session = openNbsp(t, address);
    t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
    sessions.push(session);
  }
  await until(() => sessions.filter(({ closed }) => closed).length === 2);
  t.deepEqual(
    sessions.slice(0, 3).map(({ closed }) => closed),
    [true, true, false],
  );
});
