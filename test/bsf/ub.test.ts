import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { deriveKsIntNaf, deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import type { UbAnswer, UbOptions, UbRequest } from '../../src/bsf/ub.ts';
import { decodeBootstrappingInfo } from '../../src/codec/bootstrapping-info.ts';
import {
  digestOf,
  formatAuthorization,
  parseAuthenticationInfo,
  parseChallenge,
  parseNonce,
  type DigestCredentials,
} from '../../src/codec/digest-aka.ts';
import { StoreError, SyncFailure } from '../../src/errors.ts';
import { nafIdOf, parseFqdn, parseUaSecurityProtocolId, uaIdOf } from '../../src/ids.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { NafKeySource } from '../../src/ports.ts';
import type { SubscriberRecord } from '../../src/store/subscribers.ts';
import { gbaUCapable, keyLifetime, makeBsf, meOnly, subscriber } from '../support/bsf.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';

const realm = parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org');
const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
const uaId = uaIdOf({ version: '1.3' });

/** A BSF core, and a UE that speaks Ub by hand. */
function bench(t: ExecutionContext, options: Partial<UbOptions> = {}) {
  const clock: ManualClock = manualClock();
  const made = makeBsf(t, { clock, ...options });
  const ask = (
    credentials: Partial<DigestCredentials>,
    { record = meOnly, ...change }: Partial<UbRequest> & { record?: SubscriberRecord } = {},
  ): Promise<UbAnswer> => {
    const named = { username: record.impi, realm, nonce: '', uri: '/', response: '' };
    return made.ub.answer({
      method: 'GET',
      uri: '/',
      authorization: formatAuthorization({ ...named, ...credentials }),
      userAgent: 'gba-push 3gpp-gba',
      body: EMPTY,
      source: '192.0.2.1',
      ...change,
    });
  };
  return { ...made, clock, ask };
}

function challengeOf({ status, headers }: UbAnswer): {
  nonce: string;
  rand: Uint8Array;
  autn: Uint8Array;
} {
  if (status !== 401) throw new Error(`no challenge but ${status}`);
  const { nonce } = parseChallenge(headers['WWW-Authenticate']);
  return { nonce, ...parseNonce(nonce) };
}

/** What a UE answers under this password. */
function proof(
  nonce: string,
  password: Uint8Array | undefined,
  change: Partial<DigestCredentials & { body: Uint8Array }> = {},
): DigestCredentials {
  const fresh = { nc: '00000001', cnonce: toHex(randomBytes(8)) };
  const named = {
    username: meOnly.impi as string,
    realm: realm as string,
    nonce,
    uri: '/',
    ...change,
  };
  const digested = { ...named, ...(change.proof ?? fresh), method: 'GET', body: EMPTY };
  const response = digestOf({ ...digested, ...change, password: password ?? EMPTY });
  return { response, proof: fresh, ...named };
}

async function run({ ask, usim }: ReturnType<typeof bench>) {
  const { nonce, rand, autn } = challengeOf(await ask({}));
  const keys = await usim(meOnly).authenticate(rand, autn);
  return { nonce, rand, keys, credentials: proof(nonce, keys.res) };
}

test.serial('the right RES makes a session whose keys are those of the SIM', async (t) => {
  const made = bench(t);
  const { keys, credentials } = await run(made);
  const answer = await made.ask(credentials);
  t.is(answer.status, 200);
  t.is(answer.headers['Content-Type'], 'application/vnd.3gpp.bsf+xml');
  const { bTid, expiresAt } = decodeBootstrappingInfo(answer.body);
  t.is(expiresAt, made.clock.now() + keyLifetime.defaultSeconds * 1_000);
  t.is(answer.headers['Expires'], new Date(expiresAt).toUTCString());
  const info = await made.bsf.bootstrapInfo({ bTid, nafFqdn, uaId });
  t.like(info, { expiresAt, impi: meOnly.impi, createdAt: made.clock.now(), ksIntNaf: undefined });
  t.deepEqual(info.ksNaf, await keys.derive(nafIdOf(nafFqdn, uaId)));
  t.deepEqual(made.uses, ['ub']);
});

test.serial('the BSF proves in its turn that it has RES, over its body', async (t) => {
  const made = bench(t);
  const { keys, credentials } = await run(made);
  const { headers, body } = await made.ask(credentials);
  const { rspauth, nc, cnonce } = parseAuthenticationInfo(headers['Authentication-Info']);
  const digested = { ...credentials, nc, cnonce, method: '', body };
  t.is(credentials.proof?.cnonce, cnonce);
  t.is(rspauth, digestOf({ ...digested, password: keys.res ?? EMPTY }));
});

test.serial(
  'no vector is left over: CK, IK, RES and the challenge are wiped after the run',
  async (t) => {
    const made = bench(t);
    const { credentials } = await run(made);
    const [vector] = made.vectors;
    t.deepEqual([vector?.ck, vector?.ik], [new Uint8Array(16), new Uint8Array(16)]);
    t.notDeepEqual(vector?.xres, new Uint8Array(8));
    await made.ask(credentials);
    t.deepEqual(vector?.xres, new Uint8Array(8));
    t.is(made.ub.pending, 0);
  },
);

test.serial('a wrong RES gets 403 and no session, and its nonce is spent', async (t) => {
  const made = bench(t);
  const { nonce, credentials } = await run(made);
  t.is((await made.ask(proof(nonce, new Uint8Array(8)))).status, 403);
  t.is(made.sessions.size, 0);
  const again = await made.ask(credentials);
  t.is(again.status, 401);
  t.true(parseChallenge(again.headers['WWW-Authenticate']).stale);
  t.is(made.sessions.size, 0);
});

test.serial('whatever the digest covers must be as it was sent', async (t) => {
  const wrong: [
    string,
    (nonce: string, res?: Uint8Array) => [DigestCredentials, Partial<UbRequest>?],
  ][] = [
    ['another method', (nonce, res) => [proof(nonce, res), { method: 'POST' }]],
    ['another resource', (nonce, res) => [proof(nonce, res, { uri: '/x' })]],
    ['another body', (nonce, res) => [proof(nonce, res), { body: Uint8Array.of(1) }]],
    ['another realm', (nonce, res) => [proof(nonce, res, { realm: 'bsf.example.org' })]],
    [
      'a second use',
      (nonce, res) => [proof(nonce, res, { proof: { nc: '00000002', cnonce: 'a' } })],
    ],
    ['no digest', (nonce) => [{ ...proof(nonce, EMPTY), response: '' }]],
    ['no proof', (nonce, res) => [{ ...proof(nonce, res), proof: undefined }]],
    ['the empty password', (nonce) => [proof(nonce, EMPTY)]],
  ];
  for (const [what, make] of wrong) {
    const made = bench(t);
    const { nonce, keys } = await run(made);
    t.is((await made.ask(...make(nonce, keys.res))).status, 403, what);
    t.is(made.sessions.size, 0, what);
  }
});

test.serial('an answer that is sent again makes no second session', async (t) => {
  const made = bench(t);
  const { credentials } = await run(made);
  t.is((await made.ask(credentials)).status, 200);
  t.is((await made.ask(credentials)).status, 401);
  t.is(made.sessions.size, 1);
});

test.serial('a challenge is good for its own subscriber alone', async (t) => {
  const made = bench(t);
  const { nonce, keys } = await run(made);
  const other = proof(nonce, keys.res, { username: gbaUCapable.impi });
  t.is((await made.ask(other)).status, 401);
  t.is((await made.ask(proof(nonce, keys.res))).status, 200);
});

test.serial('a challenge is forgotten and wiped after 30 seconds', async (t) => {
  const made = bench(t);
  const { credentials } = await run(made);
  made.clock.advance(30_000);
  t.deepEqual(made.vectors[0]?.xres, new Uint8Array(8));
  t.is((await made.ask(credentials)).status, 401);
});

test.serial(
  'four challenges of a subscriber wait at most; its oldest makes room, not another’s',
  async (t) => {
    const made = bench(t, { rate: { burst: 2_000, perSecond: 1, sources: 1 } });
    const first = await run(made);
    for (let i = 0; i < 4; i += 1) await made.ask({}, { record: gbaUCapable });
    t.is(made.ub.pending, 5);
    t.is((await made.ask(first.credentials)).status, 200);
    const second = await run(made);
    for (let i = 0; i < 4; i += 1) await made.ask({});
    t.is((await made.ask(second.credentials)).status, 401);
    t.is(made.ub.pending, 8);
  },
);

test.serial('a source beyond its rate costs no vector, and others are served', async (t) => {
  const made = bench(t, { rate: { burst: 2, perSecond: 1, sources: 8 } });
  const statuses = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await made.ask({})).status);
  t.deepEqual(statuses, [401, 401, 429, 429]);
  t.is(made.vectors.length, 2);
  t.is((await made.ask({}, { source: '192.0.2.2' })).status, 401);
  made.clock.advance(1_000);
  t.is((await made.ask({})).status, 401);
});

test.serial(
  'an unknown subscriber gets 403, a broken request 400, a broken store 503',
  async (t) => {
    const made = bench(t);
    t.is((await made.ask({}, { record: subscriber(9) })).status, 403);
    for (const authorization of [
      undefined,
      '',
      'Basic eDp5',
      'Digest realm="a"',
      'Digest username="x"',
      `Digest username="a@${'b'.repeat(63)}.${'c'.repeat(63)}"`,
    ]) {
      t.is((await made.ask({}, { authorization })).status, 400, authorization);
    }
    t.is(made.vectors.length, 0);
    const hss = {
      vector: () => Promise.reject(new StoreError('ERR_STORE_UNAVAILABLE', 'the disk is full')),
      resynchronise: () => Promise.resolve(),
    };
    t.is((await bench(t, { hss }).ask({})).status, 503);
  },
);

test.serial('an AUTS of the SIM sets SQN and leads to a challenge that it takes', async (t) => {
  const made = bench(t);
  const usim = made.usim(meOnly);
  for (let i = 0; i < 40; i += 1) {
    const { rand, autn } = await made.hss.vector(meOnly.impi, 'ub');
    await usim.authenticate(rand, autn);
  }
  const behind = bench(t);
  const { nonce, rand, autn } = challengeOf(await behind.ask({}));
  const failure = await t.throwsAsync(usim.authenticate(rand, autn), { instanceOf: SyncFailure });
  const { auts } = failure ?? {};
  const next = challengeOf(await behind.ask({ ...proof(nonce, EMPTY), auts }));
  const keys: NafKeySource = await usim.authenticate(next.rand, next.autn);
  t.is((await behind.ask(proof(next.nonce, keys.res))).status, 200);
});

test.serial('a forged AUTS, or one for a nonce that is not out, changes nothing', async (t) => {
  const made = bench(t);
  const { nonce } = challengeOf(await made.ask({}));
  const auts = new Uint8Array(14);
  t.is((await made.ask({ ...proof('AAAA', EMPTY), auts })).status, 401);
  t.is((await made.ask({ ...proof(nonce, EMPTY), auts })).status, 403);
  const { rand, autn } = challengeOf(await made.ask({}));
  await t.notThrowsAsync(made.usim(meOnly).authenticate(rand, autn));
});

test.serial('a card that can gets AUTN* when its device says so, and both keys', async (t) => {
  const made = bench(t);
  const userAgent = 'GBA-service; 0.1; 3gpp-gba-uicc';
  const uicc = { record: gbaUCapable, userAgent };
  const { nonce, rand, autn } = challengeOf(await made.ask({}, uicc));
  const keys = await made.usim(gbaUCapable).authenticate(rand, autn, 'GBA_U');
  const answer = await made.ask(proof(nonce, keys.res, { username: gbaUCapable.impi }), uicc);
  const { bTid } = decodeBootstrappingInfo(answer.body);
  const info = await made.bsf.bootstrapInfo({ bTid, nafFqdn, uaId });
  const nafId = nafIdOf(nafFqdn, uaId);
  t.deepEqual(info.ksNaf, await keys.derive(nafId));
  t.deepEqual(info.ksIntNaf, await keys.deriveInternal?.(nafId));
  t.notDeepEqual(info.ksNaf, info.ksIntNaf);

  const me = challengeOf(await made.ask({}, { record: gbaUCapable }));
  await t.notThrowsAsync(made.usim(gbaUCapable).authenticate(me.rand, me.autn, 'GBA_ME'));
  const plain = challengeOf(await made.ask({}, { userAgent }));
  await t.notThrowsAsync(made.usim(meOnly).authenticate(plain.rand, plain.autn, 'GBA_ME'));
});

test.serial('each NAF_Id has a key of its own out of one session', async (t) => {
  const made = bench(t);
  const vector = await made.hss.vector(meOnly.impi, 'ub');
  const ks = ksOf(vector.ck, vector.ik);
  const { rand } = vector;
  const input = { ks, rand, impi: meOnly.impi, nafId: nafIdOf(nafFqdn, uaId) };
  const { credentials } = await run(made);
  const { bTid } = decodeBootstrappingInfo((await made.ask(credentials)).body);
  const of = async (fqdn: string, id: string) => {
    const asked = { bTid, nafFqdn: parseFqdn(fqdn), uaId: parseUaSecurityProtocolId(id) };
    return toHex((await made.bsf.bootstrapInfo(asked)).ksNaf);
  };
  const keys = [
    await of('a.example', uaId),
    await of('b.example', uaId),
    await of('a.example', '0100000002'),
  ];
  t.is(new Set([...keys, toHex(deriveKsNaf(input)), toHex(deriveKsIntNaf(input))]).size, 5);
  t.is(await of('a.example', uaId), keys[0] ?? '');
});

test.serial('no NAF gets the key that seals GPIs, or a TMPI, out of a session', async (t) => {
  const made = bench(t);
  const { credentials } = await run(made);
  const { bTid } = decodeBootstrappingInfo((await made.ask(credentials)).body);
  for (const id of ['ff00000001', '0100000100']) {
    const asked = { bTid, nafFqdn, uaId: parseUaSecurityProtocolId(id) };
    await t.throwsAsync(made.bsf.bootstrapInfo(asked), { code: 'ERR_BSF_DENIED' }, id);
  }
});

test.serial('a session that is over gives no key', async (t) => {
  const made = bench(t);
  const { credentials } = await run(made);
  const { bTid } = decodeBootstrappingInfo((await made.ask(credentials)).body);
  made.clock.advance(keyLifetime.defaultSeconds * 1_000);
  const unknown = { code: 'ERR_BSF_UNKNOWN_TRANSACTION' };
  await t.throwsAsync(made.bsf.bootstrapInfo({ bTid, nafFqdn, uaId }), unknown);
});

test.serial('events tell of bootstraps and refusals, and hold no secret', async (t) => {
  const told: string[] = [];
  const stops = [
    subscribe('gba:ub:bootstrapped', (message) => told.push(JSON.stringify(message))),
    subscribe('gba:ub:refused', (message) => told.push(JSON.stringify(message))),
  ];
  const made = bench(t);
  const { keys, credentials } = await run(made);
  const res = toHex(keys.res ?? EMPTY);
  await made.ask(credentials);
  await made.ask({}, { record: subscriber(9) });
  for (const stop of stops) stop();
  t.is(told.length, 2);
  t.regex(told[0] ?? '', new RegExp(meOnly.impi));
  t.regex(told[1] ?? '', /ERR_BSF_UNKNOWN_SUBSCRIBER/);
  for (const line of told) t.false(line.includes(res));
});
