import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import anyTest, { type ExecutionContext } from 'ava';
import { createNbsp } from '../../src/bsf/nbsp.ts';
import { listenNbsp } from '../../src/bsf/nbsp-server.ts';
import { decodeGpi } from '../../src/codec/gpi.ts';
import {
  bootstrappingInfoResponse,
  decodeNbsp,
  nbspPath,
  pushInfoResponse,
  type NbspOperation,
} from '../../src/codec/nbsp.ts';
import { ChannelError } from '../../src/errors.ts';
import { bTidOf, parseFqdn } from '../../src/ids.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { dialHttp2 } from '../../src/net/http2-client.ts';
import {
  formatHttp2Address,
  parseHttp2Address,
  type Http2Address,
} from '../../src/net/http2-address.ts';
import type { Bsf } from '../../src/ports.ts';
import type { NafRecord } from '../../src/store/nafs.ts';
import { bootstrapOverUb } from '../../src/ue/ub-client.ts';
import { gbaUCapable, makeBsf, meOnly, nafRecord, serveUb, type BsfBench } from '../support/bsf.ts';
import { temporaryFolder } from '../support/command.ts';
import { gate } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { testWith } from '../support/peers.ts';
import { drained, policy, until } from '../support/tls.ts';

const test = anyTest.serial;
const withCurl = testWith('curl');
const PUSH = nbspPath('push-info-retrieval');
const json = 'application/json';

const pushBody = {
  ueId: meOnly.impi as string,
  ueIdType: 'PRIVATE',
  uiccAppLabel: 'USIM',
  nafId: { nafFqdn: 'naf.mnc001.mcc001.pub.3gppnetwork.org', uaSecProtId: '0100000007' },
  ptId: 'AAECAwQFBgcICQoL',
  uiccOrMe: 'GBA_ME',
  requestedLifeTime: new Date(Date.now() + 600_000).toISOString(),
};

interface Served extends BsfBench {
  readonly address: Http2Address;
  readonly naf: ReturnType<typeof nafRecord>;
}

async function serve(
  t: ExecutionContext,
  {
    naf = nafRecord(),
    others = [],
    at = 'http://127.0.0.1:0',
    bsf,
  }: {
    naf?: ReturnType<typeof nafRecord>;
    others?: readonly NafRecord[];
    at?: string;
    bsf?: Bsf;
  } = {},
): Promise<Served> {
  const made = makeBsf(t);
  const nbsp = createNbsp({ bsf: bsf ?? made.bsf, clock });
  const address = parseHttp2Address(at);
  const server = await listenNbsp({ nbsp, nafs: [naf, ...others], address, policy, clock });
  t.teardown(() => server.close());
  return { ...made, address: server.address, naf };
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly octets: Buffer;
  readonly json: Readonly<Record<string, unknown>>;
}

async function post(
  session: ClientHttp2Session,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<Reply> {
  const stream = session.request(
    { ':method': 'POST', ':path': PUSH, 'content-type': json, ...headers },
    { endStream: false },
  );
  const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>;
  stream.end(typeof body === 'string' ? body : JSON.stringify(body));
  const [got] = await answered;
  const chunks: Buffer[] = [];
  stream.on('error', () => undefined);
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const octets = Buffer.concat(chunks);
  return {
    status: Number(got[':status']),
    type: String(got['content-type']),
    headers: got,
    octets,
    json: JSON.parse(octets.toString()) as Record<string, unknown>,
  };
}

/** A session of HTTP/2 in clear text, closed at the end of the test. */
function open(t: ExecutionContext, address: Http2Address): ClientHttp2Session {
  const session = connectHttp2(
    address.scheme === 'unix' ? 'http://localhost' : formatHttp2Address(address),
    address.scheme === 'unix' ? { createConnection: () => connect(address.path) } : {},
  );
  session.on('error', () => undefined);
  t.teardown(() => {
    session.destroy();
  });
  return session;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('a NAF with its token gets a key and a GPI in the form of TS 29.309', async (t) => {
  const { address, naf, uses } = await serve(t);
  const reply = await post(open(t, address), pushBody, bearer(naf.token));
  t.is(reply.status, 200);
  t.is(reply.type, json);
  t.is(reply.headers['cache-control'], 'no-store');
  const read = decodeNbsp(pushInfoResponse, reply.octets);
  t.true('value' in read && decodeGpi(read.value.gbaPushInfo).gbaU === false);
  t.regex(String(reply.json['meKeyMaterial']), /^[0-9a-f]{64}$/);
  t.regex(String(reply.json['keyExpiryTime']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  t.deepEqual(Object.keys(reply.json).sort(), [
    'gbaPushInfo',
    'gbaType',
    'keyExpiryTime',
    'meKeyMaterial',
  ]);
  t.deepEqual(uses, ['push']);
});

test('in GBA_U there are two keys, also when the card decides', async (t) => {
  const { address, naf } = await serve(t);
  const session = open(t, address);
  const ask = (change: object) => post(session, { ...pushBody, ...change }, bearer(naf.token));
  const card = { ueId: gbaUCapable.impi };
  for (const change of [{ uiccOrMe: 'GBA_U' }, { uiccWhenPossible: true }]) {
    t.regex(String((await ask({ ...card, ...change })).json['uiccKeyMaterial']), /^[0-9a-f]{64}$/);
  }
  t.is((await ask(card)).json['uiccKeyMaterial'], undefined);
  t.is((await ask({ uiccWhenPossible: true })).json['uiccKeyMaterial'], undefined);
  t.is((await ask({ uiccOrMe: 'GBA_U' })).json['cause'], 'NOT_AUTHORIZED');
});

test('without the token of a NAF there is a 401 and nothing else', async (t) => {
  const { address, naf, vectors } = await serve(t);
  const session = open(t, address);
  const wrong: OutgoingHttpHeaders[] = [
    {},
    bearer(''),
    bearer(naf.token.slice(1)),
    bearer(`${naf.token}x`),
    bearer(naf.token.toUpperCase()),
    { authorization: `Basic ${naf.token}` },
    { authorization: naf.token },
    { ':path': '/other' },
    { ':method': 'GET' },
  ];
  for (const headers of wrong) {
    const reply = await post(session, headers[':method'] === 'GET' ? '' : pushBody, headers);
    t.is(reply.status, 401, JSON.stringify(headers));
    t.is(reply.type, 'application/problem+json');
    t.is(reply.headers['www-authenticate'], 'Bearer');
    t.deepEqual(reply.json, {
      status: 401,
      title: 'The token is missing or not known',
      cause: 'UNAUTHENTICATED',
    });
  }
  t.is(vectors.length, 0);
});

test('a pre-shared key is no token, and its identity neither', async (t) => {
  const key = new Uint8Array(32).fill(0x61);
  const psk = nafRecord({ name: 'psk', proof: { identity: 'meters.example.org', key } });
  const { address } = await serve(t, { others: [psk] });
  const session = open(t, address);
  for (const token of ['meters.example.org', 'a'.repeat(32), Buffer.from(key).toString('hex')]) {
    t.is((await post(session, pushBody, bearer(token))).status, 401);
  }
});

test('a NAF gets what its record says and not another’s name, id, subscriber, type or operation', async (t) => {
  const narrow = nafRecord({
    uaIds: ['0100000007' as never],
    operations: ['push-info'],
    gba: ['GBA_ME'],
    subscribers: ['*@ims.mnc001.mcc001.3gppnetwork.org'],
  });
  const rich = nafRecord({ name: 'rich', fqdns: [parseFqdn('other.example.org')] });
  const { address, vectors } = await serve(t, { naf: narrow, others: [rich] });
  const session = open(t, address);
  const ask = (change: object) => post(session, { ...pushBody, ...change }, bearer(narrow.token));
  t.is((await ask({})).status, 200);
  const { nafId } = pushBody;
  const beyond = [
    { nafId: { ...nafId, nafFqdn: 'other.example.org' } },
    { nafId: { ...nafId, nafFqdn: `x.${nafId.nafFqdn}` } },
    { nafId: { ...nafId, uaSecProtId: '01000100a8' } },
    { uiccOrMe: 'GBA_U' },
    { ueId: 'one@ims.mnc002.mcc001.3gppnetwork.org' },
  ];
  for (const change of beyond) {
    const reply = await ask(change);
    t.like(reply, { status: 403, json: { cause: 'NOT_AUTHORIZED' } }, JSON.stringify(change));
  }
  const bootstrapping = await post(
    session,
    { btId: 'x', nafId },
    { ...bearer(narrow.token), ':path': nbspPath('bootstrapping-info-retrieval') },
  );
  t.is(bootstrapping.status, 403);
  t.is(vectors.length, 1);
  t.is((await post(session, pushBody, bearer(rich.token))).status, 403);
});

test('a NAF may ask for few vectors of one subscriber, and for others still', async (t) => {
  const naf = nafRecord({ vectors: { burst: 2, perSecond: 0.001 } });
  const { address, vectors } = await serve(t, { naf });
  const session = open(t, address);
  const ask = (ueId: string) => post(session, { ...pushBody, ueId }, bearer(naf.token));
  const statuses = [];
  for (let i = 0; i < 3; i += 1) statuses.push((await ask(meOnly.impi)).status);
  t.deepEqual(statuses, [200, 200, 429]);
  t.is(vectors.length, 2);
  const reply = await ask(meOnly.impi);
  t.like(reply, { json: { cause: 'NF_CONGESTION_RISK' }, headers: { 'retry-after': '1' } });
  t.is((await ask(gbaUCapable.impi)).status, 200);
});

test('what the BSF refuses has its own status and cause', async (t) => {
  const { address, naf } = await serve(t);
  const session = open(t, address);
  const ask = (change: object) => post(session, { ...pushBody, ...change }, bearer(naf.token));
  const unknown = { ueId: 'nobody@ims.mnc001.mcc001.3gppnetwork.org' };
  t.like(await ask(unknown), { status: 404, json: { cause: 'IDENTITY_UNKNOWN' } });
  const isPublic = { ueId: 'sip:a@b', ueIdType: 'PUBLIC' };
  t.like(await ask(isPublic), { status: 404, json: { cause: 'IDENTITY_UNKNOWN' } });
  const auts = { auts: '00'.repeat(14), rand: '00'.repeat(16) };
  t.like(await ask(auts), { status: 403, json: { cause: 'AUTS_INVALID' } });
  t.like(await ask({ auts: auts.auts }), { status: 400 });
  const past = { requestedLifeTime: '2001-01-01T00:00:00Z' };
  t.like(await ask(past), { status: 403, json: { cause: 'NOT_AUTHORIZED' } });
  t.like(await ask({ ueId: 'no impi' }), { status: 400 });
});

test('the B-TID of a push gives no key again, to anybody', async (t) => {
  const { address, naf, vectors } = await serve(t);
  const session = open(t, address);
  await post(session, pushBody, bearer(naf.token));
  const rand = vectors[0]?.rand ?? new Uint8Array(16);
  const btId = bTidOf(rand, parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org'));
  const path = { ':path': nbspPath('bootstrapping-info-retrieval') };
  const reply = await post(
    session,
    { btId, nafId: pushBody.nafId },
    { ...bearer(naf.token), ...path },
  );
  t.like(reply, { status: 404, json: { cause: 'TRANSACTION_IDENTIFIER_INVALID' } });
});

test('whose B-TID it is learns only who may, and only of subscribers that it serves', async (t) => {
  const blind = nafRecord({ name: 'blind', mayLearnImpi: false });
  const stranger = nafRecord({ name: 'stranger', subscribers: ['*@example.org'] });
  const meKeysOnly = nafRecord({ name: 'me', gba: ['GBA_ME'] });
  const { address, naf, ub, usim } = await serve(t, { others: [blind, stranger, meKeysOnly] });
  const bsf = await serveUb(t, ub);
  const { bTid } = await bootstrapOverUb({ bsf, usim: usim(gbaUCapable), clock });
  const session = open(t, address);
  const ask = (token: string, change: object = {}) =>
    post(
      session,
      { btId: bTid, nafId: pushBody.nafId, ...change },
      {
        ...bearer(token),
        ':path': nbspPath('bootstrapping-info-retrieval'),
      },
    );
  const told = await ask(naf.token, { gbaUAware: true });
  t.is(told.json['impi'], gbaUCapable.impi);
  t.true('value' in decodeNbsp(bootstrappingInfoResponse, told.octets));
  t.regex(String(told.json['uiccKeyMaterial']), /^[0-9a-f]{64}$/);
  const quiet = await ask(blind.token);
  t.is(quiet.status, 200);
  t.false('impi' in quiet.json || 'uiccKeyMaterial' in quiet.json);
  t.is(quiet.json['meKeyMaterial'], told.json['meKeyMaterial']);
  for (const { token } of [stranger, meKeysOnly]) {
    const denied = await ask(token);
    t.is(denied.status, 403);
    t.false('meKeyMaterial' in denied.json);
  }
});

test('hostile requests get a problem each, cost no vector and leave the session open', async (t) => {
  const { address, naf, vectors } = await serve(t);
  const session = open(t, address);
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
    t.is(reply.type, 'application/problem+json');
    t.is(reply.json['status'], status);
    t.notThrows(() => reply.json['cause']);
  }
  t.is(vectors.length, 0);
  t.is((await post(session, pushBody, auth)).status, 200);
});

test('octets that are no HTTP/2 end their own connection alone', async (t) => {
  const { address, naf } = await serve(t);
  if (address.scheme === 'unix') return t.fail();
  const session = open(t, address);
  await post(session, pushBody, bearer(naf.token));
  for (const octets of [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    Buffer.alloc(1_000),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\xff\xff\0\0\0\0\0\0', 'latin1'),
  ]) {
    const socket = connect(address.port, address.host);
    await once(socket, 'connect');
    socket.end(octets);
    await t.notThrowsAsync(drained(socket));
  }
  t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
});

test('an internal failure tells the NAF nothing and the operator the reason', async (t) => {
  const told: { reason: string; status: number }[] = [];
  const stop = subscribe('gba:nbsp:refused', (message) => told.push(message));
  t.teardown(stop);
  const bsf: Bsf = {
    pushInfo: () => Promise.reject(new Error('wires crossed')),
    bootstrapInfo: () => Promise.reject(new Error('wires crossed')),
  };
  const { address, naf } = await serve(t, { bsf });
  const reply = await post(open(t, address), pushBody, bearer(naf.token));
  t.deepEqual(reply.json, { status: 500, title: 'The BSF failed', cause: 'SYSTEM_FAILURE' });
  t.like(told.at(-1), { status: 500, reason: 'wires crossed' });
});

test('events name the NAF and hold neither token nor key', async (t) => {
  const told: string[] = [];
  const stops = [
    subscribe('gba:nbsp:answered', (message) => told.push(JSON.stringify(message))),
    subscribe('gba:nbsp:refused', (message) => told.push(JSON.stringify(message))),
  ];
  const { address, naf } = await serve(t);
  const session = open(t, address);
  const { json: answer } = await post(session, pushBody, bearer(naf.token));
  await post(session, {}, bearer(naf.token));
  await post(session, pushBody, bearer('sesame-sesame-sesame-sesame'));
  for (const stop of stops) stop();
  t.is(told.length, 3);
  t.regex(told[0] ?? '', /"naf":"alerts","operation":"push-info-retrieval"/);
  t.regex(told[1] ?? '', /"naf":"alerts".*MANDATORY_IE_MISSING/);
  t.regex(told[2] ?? '', /"naf":"nobody".*UNAUTHENTICATED/);
  for (const secret of [naf.token, 'sesame', String(answer['meKeyMaterial'])]) {
    t.false(told.some((line) => line.includes(secret)));
  }
});

withCurl(
  'curl asks over HTTP/2 on loopback and on a socket file that only its owner can open',
  async (t) => {
    const folder = temporaryFolder(t);
    const socket = join(folder, 'bsf.sock');
    const naf = nafRecord();
    const body = join(folder, 'body.json');
    writeFileSync(body, JSON.stringify(pushBody));
    const tcp = await serve(t, { naf });
    await serve(t, { naf, at: `unix:${socket}` });
    t.is(statSync(socket).mode & 0o777, 0o600);
    for (const [url, ...how] of [
      [`${formatHttp2Address(tcp.address)}${PUSH}`],
      [`http://localhost${PUSH}`, '--unix-socket', socket],
    ]) {
      const { stdout } = await promisify(execFile)('curl', [
        ...['-s', '--http2-prior-knowledge', '-w', '\n%{http_version} %{http_code}', ...how],
        ...['-H', `Content-Type: ${json}`, '-H', `Authorization: Bearer ${naf.token}`],
        ...['--data-binary', `@${body}`, url ?? ''],
      ]);
      const [answer = '', status] = stdout.split('\n');
      t.is(status, '2 200');
      t.true('value' in decodeNbsp(pushInfoResponse, Buffer.from(answer)));
    }
  },
);

test('a socket file that a dead process left is replaced, one that is served is not', async (t) => {
  const path = join(temporaryFolder(t), 'bsf.sock');
  const { execPath } = process;
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await promisify(execFile)(execPath, ['-e', script]).catch(() => undefined);
  t.true(statSync(path).isSocket());
  await serve(t, { at: `unix:${path}` });
  await t.throwsAsync(serve(t, { at: `unix:${path}` }), { code: 'ERR_CONFIG_ADDRESS' });
  const file = `${path}.txt`;
  writeFileSync(file, 'precious');
  await t.throwsAsync(serve(t, { at: `unix:${file}` }), { code: 'ERR_CONFIG_ADDRESS' });
  t.true(statSync(file).isFile());
});

const identity = 'meters.example.org';
const key = new Uint8Array(32).fill(7);

async function servePsk(t: ExecutionContext) {
  const naf = nafRecord({ proof: { identity, key } });
  const served = await serve(t, { naf, at: 'https://127.0.0.1:0' });
  const dial = async (psk: { identity: string; key: Uint8Array }) => {
    const session = await dialHttp2({
      address: served.address,
      policy,
      clock,
      psk,
      timeoutMs: 5_000,
    });
    t.teardown(() => {
      session.destroy();
    });
    return session;
  };
  return { ...served, dial };
}

test('over TLS 1.3 a NAF proves itself by its pre-shared key, and a token counts for nothing', async (t) => {
  const { dial } = await servePsk(t);
  const session = await dial({ identity, key });
  t.is((await post(session, pushBody)).status, 200);
  t.is((await post(session, pushBody, bearer('x'.repeat(32)))).status, 200);
});

test('a wrong key, an unknown identity and a token’s NAF get no session, and fail alike', async (t) => {
  const { dial, vectors } = await servePsk(t);
  const wrong = key.map((octet) => octet ^ 1);
  const codes = new Set<string>();
  for (const psk of [
    { identity, key: wrong },
    { identity: 'nobody.example.org', key },
    { identity: identity.toUpperCase(), key },
    { identity: `${identity} `, key },
    { identity: 'alerts', key },
  ]) {
    const error = await t.throwsAsync(dial(psk), { instanceOf: ChannelError });
    codes.add(String(error?.message));
  }
  t.is(codes.size, 1);
  t.is(vectors.length, 0);
});

test('TLS without a pre-shared key, TLS 1.2, no h2, and clear text get nothing', async (t) => {
  const { address, vectors } = await servePsk(t);
  if (address.scheme === 'unix') return t.fail();
  const at = { host: address.host, port: address.port, rejectUnauthorized: false };
  const psk = { pskCallback: () => ({ identity, psk: key }), checkServerIdentity: () => undefined };
  const suite = 'TLS_AES_128_GCM_SHA256';
  for (const options of [
    at,
    { ...at, ...psk, maxVersion: 'TLSv1.2' as const, ciphers: 'PSK-AES128-GCM-SHA256' },
    { ...at, ...psk, ciphers: suite, ALPNProtocols: ['coap'] },
    { ...at, ...psk, ciphers: suite },
  ]) {
    const socket = connectTls(options);
    socket.on('error', () => undefined);
    const octets = await drained(socket);
    t.is(octets.length, 0);
  }
  const socket = connect(address.port, address.host);
  await once(socket, 'connect');
  socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  t.false((await drained(socket)).includes('HTTP'));
  t.is(vectors.length, 0);
});

test('drain answers what was asked, and takes no more', async (t) => {
  const made = makeBsf(t);
  const [asked, answered] = [gate(), gate()];
  const bsf: Bsf = {
    ...made.bsf,
    async pushInfo(request) {
      asked.open();
      await answered.passed;
      return made.bsf.pushInfo(request);
    },
  };
  const naf = nafRecord();
  const server = await listenNbsp({
    nbsp: createNbsp({ bsf, clock }),
    nafs: [naf],
    address: parseHttp2Address('http://127.0.0.1:0'),
    policy,
    clock,
  });
  const session = open(t, server.address);
  const reply = post(session, pushBody, bearer(naf.token));
  await asked.passed;
  const drain = server.drain();
  await once(session, 'goaway');
  answered.open();
  t.is((await reply).status, 200);
  await drain;
  await server.closed;
});

test('a request whose body does not come is ended, and its NAF may ask again', async (t) => {
  const held = manualClock();
  const { bsf } = makeBsf(t);
  const naf = nafRecord();
  const server = await listenNbsp({
    nbsp: createNbsp({ bsf, clock: held }),
    nafs: [naf],
    address: parseHttp2Address('http://127.0.0.1:0'),
    policy,
    clock: held,
  });
  t.teardown(() => server.close());
  const session = open(t, server.address);
  const headers = { ':method': 'POST', ':path': PUSH, 'content-type': json, ...bearer(naf.token) };
  const stream = session.request(headers);
  stream.on('error', () => undefined);
  stream.write('{');
  await until(() => held.pending === 1);
  held.advance(10_000);
  await once(stream, 'close');
  t.is((await post(session, pushBody, bearer(naf.token))).status, 200);
  t.is(held.pending, 0);
});

const operations: readonly NbspOperation[] = [
  'push-info-retrieval',
  'bootstrapping-info-retrieval',
];

test('both operations are at their paths', async (t) => {
  const { address, naf } = await serve(t);
  const session = open(t, address);
  for (const operation of operations) {
    const at = { ...bearer(naf.token), ':path': `/nbsp-gba/v1/${operation}` };
    t.is((await post(session, {}, at)).status, 400);
  }
});
