import { once } from 'node:events';
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { createNbsp } from '../../src/bsf/nbsp.ts';
import { listenNbsp } from '../../src/bsf/nbsp-server.ts';
import { decodeGpi } from '../../src/codec/gpi.ts';
import { AkaError, BsfError, ChannelError, ConfigError, SyncFailure } from '../../src/errors.ts';
import { nafIdOf, parseFqdn, parsePTid, uaIdOf } from '../../src/ids.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { openRemoteBsf, type RemoteBsf, type RemoteBsfOptions } from '../../src/naf/remote-bsf.ts';
import { formatHttp2Address, parseHttp2Address } from '../../src/net/http2-address.ts';
import type { Http2Server } from '../../src/net/http2-server.ts';
import type { PushInfoRequest } from '../../src/ports.ts';
import { bootstrapOverUb } from '../../src/ue/ub-client.ts';
import { gbaUCapable, makeBsf, meOnly, nafRecord, serveUb, type BsfBench } from '../support/bsf.ts';
import { temporaryFolder } from '../support/command.ts';
import { nafFqdn, openNaf, openUe } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { faultsOfRequest } from '../support/nbsp-schema.ts';
import { policy, until } from '../support/tls.ts';

const test = anyTest.serial;
const uaId = uaIdOf({ version: '1.3' });
const { pTid } = parsePTid('AAECAwQFBgcICQoL');
const key = new Uint8Array(32).fill(9);
const identity = 'alerts.example.org';

const request = (change: Partial<PushInfoRequest> = {}): PushInfoRequest => ({
  impi: meOnly.impi,
  nafFqdn,
  uaId,
  pTid,
  requestedExpiresAt: Date.now() + 600_000,
  ...change,
});

interface Remote extends BsfBench {
  readonly remote: RemoteBsf;
  readonly server: Http2Server;
  /** Serves again where it served before. */
  readonly again: () => Promise<Http2Server>;
}

/** A BSF as a service, and a NAF's view of it, over one of the three ways. */
async function connect(
  t: ExecutionContext,
  way: 'https' | 'http' | 'unix' = 'http',
  options: Partial<RemoteBsfOptions> = {},
): Promise<Remote> {
  const made = makeBsf(t);
  const naf = nafRecord(way === 'https' ? { proof: { identity, key } } : {});
  const nbsp = createNbsp({ bsf: made.bsf, clock });
  const serve = async (at: string): Promise<Http2Server> => {
    const server = await listenNbsp({
      nbsp,
      nafs: [naf],
      address: parseHttp2Address(at),
      policy,
      clock,
    });
    t.teardown(() => server.close());
    return server;
  };
  const path = way === 'unix' ? join(temporaryFolder(t), 'bsf.sock') : '';
  const server = await serve(way === 'unix' ? `unix:${path}` : `${way}://127.0.0.1:0`);
  const { address } = server;
  const proof = way === 'https' ? { identity, key } : { token: naf.token };
  const remote = openRemoteBsf({ address, proof, policy, clock, ...options });
  t.teardown(() => remote.close());
  const again = (): Promise<Http2Server> =>
    serve(address.scheme === 'unix' ? `unix:${path}` : `${way}://127.0.0.1:${address.port}`);
  return { ...made, remote, server, again };
}

for (const way of ['https', 'http', 'unix'] as const) {
  test(`a UE bootstraps, a NAF asks over ${way}, and both have one key`, async (t) => {
    const { remote, ub, usim } = await connect(t, way);
    const bsf = await serveUb(t, ub);
    for (const record of [meOnly, gbaUCapable]) {
      const { bTid, expiresAt, keys } = await bootstrapOverUb({ bsf, usim: usim(record), clock });
      const info = await remote.bootstrapInfo({ bTid, nafFqdn, uaId });
      const nafId = nafIdOf(nafFqdn, uaId);
      t.deepEqual(info.ksNaf, await keys.derive(nafId));
      t.deepEqual(info.ksIntNaf, await keys.deriveInternal?.(nafId));
      t.is(info.impi, record.impi);
      t.true(Math.abs(info.expiresAt - expiresAt) < 2_000);
    }
  });

  test(`pushes over ${way} to a BSF are handled, with keys on the ME and on the card`, async (t) => {
    const { remote, usim, uses } = await connect(t, way);
    for (const [record, uiccOrMe] of [
      [meOnly, undefined],
      [gbaUCapable, 'GBA_U'],
      [gbaUCapable, undefined],
    ] as const) {
      const handled: string[] = [];
      const ue = await openUe(t, { usim: usim(record) }, ({ payload }) => {
        handled.push(Buffer.from(payload).toString());
      });
      const naf = await openNaf(t, makeBsf(t), {
        bsf: remote,
        triggerAddress: () => ue.address,
        ...(uiccOrMe && { uiccOrMe }),
      });
      const first = await naf.push(record.impi, Buffer.from('one'));
      const second = await naf.push(record.impi, Buffer.from('two'));
      t.like([first, second], [
        { state: 'acked', via: 'bootstrap' },
        { state: 'acked', via: 'reuse' },
      ] as never);
      t.deepEqual(handled, ['one', 'two']);
    }
    t.deepEqual(uses, ['push', 'push', 'push']);
  });
}

test('what a NAF asks for arrives, and the answer is what a BSF in this process gives', async (t) => {
  const { remote, bsf } = await connect(t);
  for (const uiccOrMe of [undefined, 'GBA_ME', 'GBA_U'] as const) {
    const asked = request({ impi: gbaUCapable.impi, ...(uiccOrMe && { uiccOrMe }) });
    const [far, near] = await Promise.all([remote.pushInfo(asked), bsf.pushInfo(asked)]);
    t.is(far.expiresAt, near.expiresAt);
    t.is(far.ksIntNaf === undefined, near.ksIntNaf === undefined);
    t.is(decodeGpi(far.gpi).gbaU, decodeGpi(near.gpi).gbaU);
    t.is(far.gpi.length, near.gpi.length);
  }
});

test('an AUTS of the SIM is handed on, and one that is not is the error of the port', async (t) => {
  const { remote, usim } = await connect(t);
  const ahead = makeBsf(t);
  const card = usim(meOnly);
  for (let i = 0; i < 40; i += 1) {
    const { rand, autn } = await ahead.hss.vector(meOnly.impi, 'push');
    await card.authenticate(rand, autn);
  }
  const first = decodeGpi((await remote.pushInfo(request())).gpi);
  const failure = await t.throwsAsync(card.authenticate(first.rand, first.autn), {
    instanceOf: SyncFailure,
  });
  const auts = failure?.auts ?? new Uint8Array(14);
  const forged = request({ resync: { rand: first.rand, auts: auts.map((octet) => octet ^ 1) } });
  await t.throwsAsync(remote.pushInfo(forged), {
    instanceOf: AkaError,
    code: 'ERR_AKA_MAC_FAILURE',
  });
  const genuine = request({ resync: { rand: first.rand, auts } });
  const next = decodeGpi((await remote.pushInfo(genuine)).gpi);
  await t.notThrowsAsync(card.authenticate(next.rand, next.autn));
});

test('refusals are the errors of the port', async (t) => {
  const { remote } = await connect(t);
  const nobody = request({ impi: 'nobody@ims.mnc001.mcc001.3gppnetwork.org' as never });
  const other = request({ nafFqdn: parseFqdn('other.example.org') });
  const past = request({ requestedExpiresAt: 0 });
  for (const [asked, code] of [
    [nobody, 'ERR_BSF_UNKNOWN_SUBSCRIBER'],
    [other, 'ERR_BSF_DENIED'],
    [past, 'ERR_BSF_DENIED'],
  ] as const) {
    const error = await t.throwsAsync(remote.pushInfo(asked), { instanceOf: BsfError, code });
    t.false(error?.retryable);
  }
  const bTid = 'AAAAAAAAAAAAAAAAAAAAAA==@bsf.example.org';
  await t.throwsAsync(remote.bootstrapInfo({ bTid, nafFqdn, uaId }), {
    code: 'ERR_BSF_UNKNOWN_TRANSACTION',
  });
  for (let i = 0; i < 16; i += 1) await remote.pushInfo(request()).catch(() => undefined);
  const busy = await t.throwsAsync(remote.pushInfo(request()), { code: 'ERR_BSF_BUSY' });
  t.true(busy instanceof BsfError && busy.retryable);
});

test('many requests share one session, and a BSF that comes back is asked again', async (t) => {
  const { remote, server, again } = await connect(t, 'https');
  const told: string[] = [];
  const tell = (what: string) => (message: { to: string }) => {
    if (message.to === formatHttp2Address(server.address)) told.push(what);
  };
  const stops = [
    subscribe('gba:bsf:connected', tell('connected')),
    subscribe('gba:bsf:disconnected', tell('disconnected')),
  ];
  t.teardown(() => {
    for (const stop of stops) stop();
  });
  await Promise.all([1, 2, 3, 4].map(() => remote.pushInfo(request())));
  t.deepEqual(told, ['connected']);
  await server.close();
  await until(() => told.length === 2);
  const gone = await t.throwsAsync(remote.pushInfo(request()), { code: 'ERR_BSF_UNREACHABLE' });
  t.true(gone instanceof BsfError && gone.retryable);
  await again();
  await t.notThrowsAsync(remote.pushInfo(request()));
});

test('another key than the BSF’s is no matter of trying again', async (t) => {
  const proof = { identity, key: new Uint8Array(32) };
  const { remote } = await connect(t, 'https', { proof });
  const error = await t.throwsAsync(remote.pushInfo(request()), { instanceOf: ChannelError });
  t.is(error?.code, 'ERR_CHANNEL_REFUSED');
  t.false(error?.retryable);
});

test('a token that is not known is denied, and is in no message', async (t) => {
  const token = 'sesame-sesame-sesame-sesame';
  const { remote } = await connect(t, 'http', { proof: { token } });
  const error = await t.throwsAsync(remote.pushInfo(request()), { code: 'ERR_BSF_DENIED' });
  t.notRegex(String(error?.stack), /sesame/);
});

test('a token goes over no TLS, a pre-shared key over no clear text', (t) => {
  const wrong = { instanceOf: ConfigError, code: 'ERR_CONFIG_ADDRESS' };
  const open = (at: string, proof: RemoteBsfOptions['proof']) => () =>
    openRemoteBsf({ address: parseHttp2Address(at), proof, policy, clock });
  t.throws(open('https://127.0.0.1:1', { token: 'x' }), wrong);
  t.throws(open('http://127.0.0.1:1', { identity, key }), wrong);
  t.throws(open('unix:/tmp/x', { identity, key }), wrong);
});

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A BSF that answers as it likes. */
async function fakeBsf(
  t: ExecutionContext,
  answer: Answer,
  options: Partial<RemoteBsfOptions> = {},
) {
  let arrived = 0;
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    arrived += 1;
    stream.on('error', () => undefined);
    answer(stream, headers);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = parseHttp2Address(`http://127.0.0.1:${port}`);
  const remote = openRemoteBsf({ address, proof: { token: 'x' }, policy, clock, ...options });
  t.teardown(async () => {
    await remote.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { remote, arrived: () => arrived, connections: () => sockets.size };
}

const reply =
  (status: number, body: string): Answer =>
  (stream) => {
    stream.respond({ ':status': status });
    stream.end(body);
  };

test('an answer that is none is an error that says so, and never a key', async (t) => {
  const material = { meKeyMaterial: '0'.repeat(64), gbaPushInfo: '00' };
  const long = JSON.stringify({ ...material, padding: 'x'.repeat(70_000) });
  const answers: [Answer, string][] = [
    [reply(200, ''), 'ERR_NBSP_MALFORMED'],
    [reply(200, '{}'), 'ERR_NBSP_MALFORMED'],
    [reply(200, '{"meKeyMaterial":"00","gbaPushInfo":"00"}'), 'ERR_NBSP_MALFORMED'],
    [reply(200, long), 'ERR_NBSP_MALFORMED'],
    [reply(400, 'x'), 'ERR_BSF_DENIED'],
    [reply(401, '{"cause":"ERR"}'), 'ERR_BSF_DENIED'],
    [reply(404, '{"cause":"IDENTITY_UNKNOWN"}'), 'ERR_BSF_UNKNOWN_SUBSCRIBER'],
    [reply(400, '{"cause":"MANDATORY_IE_INCORRECT"}'), 'ERR_BSF_DENIED'],
    [reply(429, ''), 'ERR_BSF_BUSY'],
    [reply(500, 'x'), 'ERR_BSF_UNREACHABLE'],
    [reply(503, 'x'), 'ERR_BSF_UNREACHABLE'],
    [(stream) => stream.close(2), 'ERR_BSF_UNREACHABLE'],
    [(stream) => stream.session?.destroy(), 'ERR_BSF_UNREACHABLE'],
  ];
  for (const [answer, code] of answers) {
    const { remote } = await fakeBsf(t, answer);
    await t.throwsAsync(remote.pushInfo(request()), { code }, code);
  }
});

test('what a NAF asks is a request by the published interface', async (t) => {
  const asked: { path: string; type: unknown; body: unknown }[] = [];
  const { remote } = await fakeBsf(t, (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      asked.push({ path: String(headers[':path']), type: headers['content-type'], body });
      reply(429, '')(stream, headers);
    });
  });
  const resync = { rand: new Uint8Array(16), auts: new Uint8Array(14) };
  for (const change of [{}, { uiccOrMe: 'GBA_U' }, { uiccOrMe: 'GBA_ME', resync }] as const) {
    await t.throwsAsync(remote.pushInfo(request(change)));
  }
  await t.throwsAsync(remote.bootstrapInfo({ bTid: 'x', nafFqdn, uaId }));
  t.deepEqual(
    asked.flatMap(({ path, body }) => faultsOfRequest(path, body)),
    [],
  );
  t.deepEqual([asked.length, ...new Set(asked.map(({ type }) => type))], [4, 'application/json']);
});

test('a key without an end is not taken from a bootstrap', async (t) => {
  const { remote } = await fakeBsf(t, reply(200, `{"meKeyMaterial":"${'0'.repeat(64)}"}`));
  const asked = { bTid: 'x', nafFqdn, uaId };
  await t.throwsAsync(remote.bootstrapInfo(asked), { code: 'ERR_NBSP_MALFORMED' });
});

test('a BSF that is silent is given up after a while, and asked on a new connection', async (t) => {
  const held = manualClock();
  const { remote, arrived, connections } = await fakeBsf(t, () => undefined, { clock: held });
  for (const round of [1, 2]) {
    const silent = remote.pushInfo(request());
    await until(() => arrived() === round);
    held.advance(5_000);
    const error = await t.throwsAsync(silent, { code: 'ERR_BSF_UNREACHABLE' });
    t.true(error instanceof BsfError && error.retryable);
    t.is(connections(), round);
  }
  t.is(held.pending, 0);
});

test('an abort rejects with its own reason and leaves other requests alone', async (t) => {
  const answers: Answer[] = [];
  const { remote, arrived } = await fakeBsf(t, (stream, headers) => {
    answers.push(() => {
      reply(429, '')(stream, headers);
    });
  });
  const stop = new AbortController();
  const reason = new Error('no longer wanted');
  const [aborted, other] = [remote.pushInfo(request(), stop.signal), remote.pushInfo(request())];
  await until(() => arrived() === 2);
  stop.abort(reason);
  await t.throwsAsync(aborted, { is: reason });
  for (const answer of answers) answer(undefined as never, {});
  await t.throwsAsync(other, { code: 'ERR_BSF_BUSY' });
  await t.throwsAsync(remote.pushInfo(request(), stop.signal), { is: reason });
});

test('nobody at the address, or somebody who speaks something else, is unreachable', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const at of [
    `http://127.0.0.1:${port}`,
    'http://127.0.0.1:1',
    'unix:/nonexistent/bsf.sock',
  ]) {
    const remote = openRemoteBsf({
      address: parseHttp2Address(at),
      proof: { token: 'x' },
      policy,
      clock,
    });
    await t.throwsAsync(remote.pushInfo(request()), { code: 'ERR_BSF_UNREACHABLE' }, at);
    await remote.close();
  }
});

test('after close nothing is asked', async (t) => {
  const { remote, vectors } = await connect(t);
  await remote.pushInfo(request());
  await remote.close();
  await t.throwsAsync(remote.pushInfo(request()), { code: 'ERR_BSF_UNREACHABLE' });
  t.is(vectors.length, 1);
});

test('close ends a dial that gets no answer', async (t) => {
  const held = manualClock();
  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(
    0,
    '127.0.0.1',
  );
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const address = parseHttp2Address(`https://127.0.0.1:${port}`);
  const remote = openRemoteBsf({ address, proof: { identity, key }, policy, clock: held });
  const asked = remote.pushInfo(request());
  const [socket] = (await once(silent, 'connection')) as [Socket];
  await remote.close();
  await t.throwsAsync(asked, { code: 'ERR_BSF_UNREACHABLE', message: /this end was closed/ });
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
  t.is(held.pending, 0);
});
