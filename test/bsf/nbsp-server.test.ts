import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { promisify } from 'node:util';
import anyTest, { type ExecutionContext } from 'ava';
import { decodeGpi } from '../../src/codec/gpi.ts';
import {
  bootstrappingInfoResponse,
  decodeNbsp,
  pushInfoResponse,
  type NbspOperation,
} from '../../src/codec/nbsp.ts';
import { ChannelError } from '../../src/errors.ts';
import { bTidOf, parseFqdn } from '../../src/ids.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { dialHttp2 } from '../../src/net/http2-client.ts';
import type { Bsf } from '../../src/ports.ts';
import { bootstrapOverUb } from '../../src/ue/ub-client.ts';
import { gbaUCapable, makeBsf, meOnly, nafRecord, serveUb } from '../support/bsf.ts';
import { temporaryFolder } from '../support/command.ts';
import { gate } from '../support/ladder.ts';
import {
  bearer,
  BOOTSTRAPPING,
  JSON_TYPE,
  openNbsp,
  post,
  pushBody,
  serveNbsp,
} from '../support/nbsp.ts';
import { policy } from '../support/tls.ts';

const test = anyTest.serial;

test('a NAF with its token gets a key and a GPI in the form of TS 29.309', async (t) => {
  const { address, naf, uses } = await serveNbsp(t);
  const reply = await post(openNbsp(t, address), pushBody, bearer(naf.token));
  t.is(reply.status, 200);
  t.is(reply.type, JSON_TYPE);
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
  const { address, naf } = await serveNbsp(t);
  const session = openNbsp(t, address);
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
  const { address, naf, vectors } = await serveNbsp(t);
  const session = openNbsp(t, address);
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
  const { address } = await serveNbsp(t, { others: [psk] });
  const session = openNbsp(t, address);
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
  const { address, vectors } = await serveNbsp(t, { naf: narrow, others: [rich] });
  const session = openNbsp(t, address);
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
    { ...bearer(narrow.token), ':path': BOOTSTRAPPING },
  );
  t.is(bootstrapping.status, 403);
  t.is(vectors.length, 1);
  t.is((await post(session, pushBody, bearer(rich.token))).status, 403);
});

test('a NAF may ask for few vectors of one subscriber, and for others still', async (t) => {
  const naf = nafRecord({ vectors: { burst: 2, perSecond: 0.001 } });
  const { address, vectors } = await serveNbsp(t, { naf });
  const session = openNbsp(t, address);
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
  const { address, naf } = await serveNbsp(t);
  const session = openNbsp(t, address);
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
  const { address, naf, vectors } = await serveNbsp(t);
  const session = openNbsp(t, address);
  await post(session, pushBody, bearer(naf.token));
  const rand = vectors[0]?.rand ?? new Uint8Array(16);
  const btId = bTidOf(rand, parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org'));
  const path = { ':path': BOOTSTRAPPING };
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
  const { address, naf, ub, usim } = await serveNbsp(t, { others: [blind, stranger, meKeysOnly] });
  const bsf = await serveUb(t, ub);
  const { bTid } = await bootstrapOverUb({ bsf, usim: usim(gbaUCapable), clock });
  const session = openNbsp(t, address);
  const ask = (token: string, change: object = {}) =>
    post(
      session,
      { btId: bTid, nafId: pushBody.nafId, ...change },
      {
        ...bearer(token),
        ':path': BOOTSTRAPPING,
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

test('an internal failure tells the NAF nothing and the operator the reason', async (t) => {
  const told: { reason: string; status: number }[] = [];
  const stop = subscribe('gba:nbsp:refused', (message) => told.push(message));
  t.teardown(stop);
  const bsf: Bsf = {
    pushInfo: () => Promise.reject(new Error('wires crossed')),
    bootstrapInfo: () => Promise.reject(new Error('wires crossed')),
  };
  const { address, naf } = await serveNbsp(t, { bsf });
  const reply = await post(openNbsp(t, address), pushBody, bearer(naf.token));
  t.deepEqual(reply.json, { status: 500, title: 'The BSF failed', cause: 'SYSTEM_FAILURE' });
  t.like(told.at(-1), { status: 500, reason: 'wires crossed' });
});

test('events name the NAF and hold neither token nor key', async (t) => {
  const told: string[] = [];
  const stops = [
    subscribe('gba:nbsp:answered', (message) => told.push(JSON.stringify(message))),
    subscribe('gba:nbsp:refused', (message) => told.push(JSON.stringify(message))),
  ];
  const { address, naf } = await serveNbsp(t);
  const session = openNbsp(t, address);
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

test('a socket file that a dead process left is replaced, one that is served is not', async (t) => {
  const path = join(temporaryFolder(t), 'bsf.sock');
  const { execPath } = process;
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await promisify(execFile)(execPath, ['-e', script]).catch(() => undefined);
  t.true(statSync(path).isSocket());
  await serveNbsp(t, { at: `unix:${path}` });
  await t.throwsAsync(serveNbsp(t, { at: `unix:${path}` }), { code: 'ERR_CONFIG_ADDRESS' });
  const file = `${path}.txt`;
  writeFileSync(file, 'precious');
  await t.throwsAsync(serveNbsp(t, { at: `unix:${file}` }), { code: 'ERR_CONFIG_ADDRESS' });
  t.true(statSync(file).isFile());
});

const identity = 'meters.example.org';
const key = new Uint8Array(32).fill(7);

async function servePsk(t: ExecutionContext) {
  const naf = nafRecord({ proof: { identity, key } });
  const served = await serveNbsp(t, { naf, at: 'https://127.0.0.1:0' });
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
  const { server, naf } = await serveNbsp(t, { bsf });
  const session = openNbsp(t, server.address);
  const reply = post(session, pushBody, bearer(naf.token));
  await asked.passed;
  const drain = server.drain();
  await once(session, 'goaway');
  answered.open();
  t.is((await reply).status, 200);
  await drain;
  await server.closed;
});

const operations: readonly NbspOperation[] = [
  'push-info-retrieval',
  'bootstrapping-info-retrieval',
];

test('both operations are at their paths', async (t) => {
  const { address, naf } = await serveNbsp(t);
  const session = openNbsp(t, address);
  for (const operation of operations) {
    const at = { ...bearer(naf.token), ':path': `/nbsp-gba/v1/${operation}` };
    t.is((await post(session, {}, at)).status, 400);
  }
});
