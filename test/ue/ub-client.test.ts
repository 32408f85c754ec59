import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { encodeBootstrappingInfo } from '../../src/codec/bootstrapping-info.ts';
import {
  digestOf,
  formatAuthenticationInfo,
  formatChallenge,
  formatNonce,
  parseAuthorization,
} from '../../src/codec/digest-aka.ts';
import {
  AkaError,
  BsfError,
  ConfigError,
  ExecError,
  GbaError,
  SyncFailure,
} from '../../src/errors.ts';
import { bTidOf, nafIdOf, parseFqdn, uaIdOf } from '../../src/ids.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import type { AuthenticationVector, NafKeySource, Usim } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { createAutsAnswers } from '../../src/ue/auts-answers.ts';
import { bootstrapOverUb, parseBsfUrl, type BootstrapOptions } from '../../src/ue/ub-client.ts';
import { gbaUCapable, keyLifetime, makeBsf, meOnly, serveUb, subscriber } from '../support/bsf.ts';
import { manualClock } from '../support/manual-clock.ts';

const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
const realm = parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org');
const uaId = uaIdOf({ version: '1.3' });
const nafId = nafIdOf(nafFqdn, uaId);

for (const record of [meOnly, gbaUCapable]) {
  test(`a UE bootstraps with ${String(record.uiccType)} and has the keys that the BSF gives NAFs`, async (t) => {
    const { ub, bsf, usim } = makeBsf(t);
    const url = await serveUb(t, ub);
    const { bTid, expiresAt, keys } = await bootstrapOverUb({
      bsf: url,
      usim: usim(record),
      clock,
    });
    const info = await bsf.bootstrapInfo({ bTid, nafFqdn, uaId });
    t.deepEqual(info.ksNaf, await keys.derive(nafId));
    t.deepEqual(info.ksIntNaf, await keys.deriveInternal?.(nafId));
    t.is(info.impi, record.impi);
    t.true(Math.abs(expiresAt - info.expiresAt) < 2_000);
    keys.wipe();
    t.deepEqual(keys.res, new Uint8Array(8));
  });
}

/** As the UE does it: one AUTS for each RAND, three new ones an hour. */
function firstAuts(store = openMemoryStore()) {
  const answers = createAutsAnswers({ store, impi: meOnly.impi, clock, policy: new Map() });
  return (rand: Uint8Array, auts: Uint8Array) => answers.first(rand, auts);
}

async function simAhead(t: ExecutionContext): Promise<Usim> {
  const ahead = makeBsf(t);
  const usim = ahead.usim(meOnly);
  for (let i = 0; i < 40; i += 1) {
    const { rand, autn } = await ahead.hss.vector(meOnly.impi, 'ub');
    (await usim.authenticate(rand, autn)).wipe();
  }
  return usim;
}

test('a SIM ahead of the HSS says so by AUTS, once, and then bootstraps', async (t) => {
  const usim = await simAhead(t);
  const { ub, vectors } = makeBsf(t);
  const url = await serveUb(t, ub);
  await t.notThrowsAsync(bootstrapOverUb({ bsf: url, usim, clock, firstAuts: firstAuts() }));
  t.is(vectors.length, 2);
});

test('no AUTS leaves a UE that gives none, or that has given enough in this hour', async (t) => {
  const usim = await simAhead(t);
  const first = firstAuts();
  for (let n = 0; n < 3; n += 1) await first(new Uint8Array(16).fill(n), new Uint8Array(14));
  for (const [given, code] of [
    [undefined, 'ERR_AKA_SYNC_FAILURE'],
    [first, 'ERR_UPA_BUSY'],
  ] as const) {
    const { ub, vectors } = makeBsf(t);
    const url = await serveUb(t, ub);
    const run = bootstrapOverUb({ bsf: url, usim, clock, firstAuts: given });
    await t.throwsAsync(run, { instanceOf: GbaError, code });
    t.is(vectors.length, 1);
  }
});

test('clocks that are a day apart agree on how long the key lives', async (t) => {
  const skewed = { ...clock, now: () => clock.now() - 86_400_000 };
  const { ub, usim } = makeBsf(t);
  const url = await serveUb(t, ub);
  const { expiresAt } = await bootstrapOverUb({ bsf: url, usim: usim(meOnly), clock: skewed });
  const lifetimeMs = expiresAt - skewed.now();
  t.true(Math.abs(lifetimeMs - keyLifetime.defaultSeconds * 1_000) < 3_000, String(lifetimeMs));
});

test('a SIM that the BSF does not know, and one with another K, is refused by the right end', async (t) => {
  const { ub, usim } = makeBsf(t);
  const url = await serveUb(t, ub);
  const unknown = bootstrapOverUb({ bsf: url, usim: usim(subscriber(9)), clock });
  await t.throwsAsync(unknown, { instanceOf: BsfError, code: 'ERR_BSF_DENIED' });
  const other = usim({ ...meOnly, k: meOnly.k.map((octet) => octet ^ 1) });
  await t.throwsAsync(bootstrapOverUb({ bsf: url, usim: other, clock }), {
    instanceOf: AkaError,
    code: 'ERR_AKA_MAC_FAILURE',
  });
});

test('a BSF of another name than the SIM’s is not answered', async (t) => {
  const { ub, usim } = makeBsf(t, { fqdn: parseFqdn('bsf.example.org') });
  const url = await serveUb(t, ub);
  const card = usim(meOnly);
  await t.throwsAsync(bootstrapOverUb({ bsf: url, usim: card, clock }), {
    code: 'ERR_BSF_UNPROVEN',
  });
  const fqdn = parseFqdn('bsf.example.org');
  const { bTid } = await bootstrapOverUb({ bsf: url, fqdn, usim: card, clock });
  t.regex(bTid, /@bsf\.example\.org$/);
});

test('a SIM that gives no RES cannot bootstrap, and its keys are wiped', async (t) => {
  const { ub, usim } = makeBsf(t);
  const url = await serveUb(t, ub);
  const card = usim(meOnly);
  let wiped = 0;
  const silent: Usim = {
    impi: card.impi,
    async authenticate(rand, autn) {
      const keys = await card.authenticate(rand, autn);
      return {
        derive: (id) => keys.derive(id),
        wipe: () => {
          wiped += 1;
        },
      };
    },
  };
  await t.throwsAsync(bootstrapOverUb({ bsf: url, usim: silent, clock }), {
    instanceOf: ExecError,
    message: /gives no RES/,
  });
  t.is(wiped, 1);
});

interface Fake {
  readonly url: URL;
  readonly seen: IncomingHttpHeaders[];
}

/** A BSF that answers the n-th request by the n-th function, the last one again and again. */
async function fakeBsf(t: ExecutionContext, ...answers: RequestListener[]): Promise<Fake> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)];
    seen.push(request.headers);
    answer?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), seen };
}

const challengeWith =
  ({ rand, autn }: AuthenticationVector, stale = false): RequestListener =>
  (_request, response) => {
    const header = formatChallenge({ realm, nonce: formatNonce(rand, autn), stale });
    response.writeHead(401, { 'WWW-Authenticate': header }).end();
  };

/** An answer as the genuine BSF would give it, with something changed. */
const concludeWith =
  (
    { rand, xres }: AuthenticationVector,
    change: {
      password?: Uint8Array;
      rspauth?: string;
      bTidRand?: Uint8Array;
      cnonce?: string;
      lifetimeMs?: number;
      date?: string;
    },
  ): RequestListener =>
  ({ headers: { authorization } }, response) => {
    const credentials = parseAuthorization(authorization);
    const bTid = bTidOf(change.bTidRand ?? rand, realm);
    const body = encodeBootstrappingInfo({
      bTid,
      expiresAt: Date.now() + (change.lifetimeMs ?? 60_000),
    });
    const fresh = { nc: '00000001', cnonce: change.cnonce ?? credentials.proof?.cnonce ?? '' };
    const password = change.password ?? xres;
    const digested = { ...credentials, ...fresh, password, method: '', body };
    const rspauth = change.rspauth ?? digestOf(digested);
    const header = formatAuthenticationInfo({ ...fresh, rspauth });
    const date = change.date !== undefined && { Date: change.date };
    response.writeHead(200, { 'Authentication-Info': header, ...date }).end(body);
  };

async function fakeRun(t: ExecutionContext, change: Parameters<typeof concludeWith>[1]) {
  const { hss, usim } = makeBsf(t);
  const vector = await hss.vector(meOnly.impi, 'ub');
  const fake = await fakeBsf(t, challengeWith(vector), concludeWith(vector, change));
  const wiped: NafKeySource[] = [];
  const card = usim(meOnly);
  const watched: Usim = {
    impi: card.impi,
    async authenticate(...challenge) {
      const keys = await card.authenticate(...challenge);
      wiped.push(keys);
      return keys;
    },
  };
  return { ...fake, wiped, bootstrapped: bootstrapOverUb({ bsf: fake.url, usim: watched, clock }) };
}

test('an answer counts only with the proof that its maker has RES', async (t) => {
  await t.notThrowsAsync((await fakeRun(t, {})).bootstrapped);
  const forgeries = [
    { password: EMPTY },
    { password: new Uint8Array(8) },
    { rspauth: '0'.repeat(32) },
    { cnonce: 'of another request' },
  ];
  for (const change of forgeries) {
    const { bootstrapped, wiped } = await fakeRun(t, change);
    await t.throwsAsync(bootstrapped, { instanceOf: BsfError, code: 'ERR_BSF_UNPROVEN' });
    t.deepEqual(wiped[0]?.res, new Uint8Array(8));
  }
});

test('a B-TID that is not of this RAND is refused, though it is proved', async (t) => {
  const { bootstrapped } = await fakeRun(t, { bTidRand: new Uint8Array(16) });
  await t.throwsAsync(bootstrapped, { code: 'ERR_UB_MALFORMED' });
});

test('what a UE sends names its SIM and its BSF, and never holds RES', async (t) => {
  const { seen, bootstrapped, wiped } = await fakeRun(t, {});
  await bootstrapped;
  const res = Buffer.from(wiped[0]?.res ?? EMPTY);
  t.is(seen.length, 2);
  for (const headers of seen) {
    t.is(headers.host, realm);
    t.is(headers['user-agent'], 'gba-push 3gpp-gba');
    const text = JSON.stringify(headers);
    t.false([res.toString('hex'), res.toString('base64')].some((form) => text.includes(form)));
  }
  t.like(parseAuthorization(seen[0]?.authorization), { username: meOnly.impi, response: '' });
});

test('a forged Date makes no key live longer than a week, and one that is over is refused', async (t) => {
  const date = new Date(0).toUTCString();
  const { expiresAt } = await (await fakeRun(t, { date })).bootstrapped;
  t.true(expiresAt <= Date.now() + 604_800_000);
  const over = [{ lifetimeMs: 0 }, { date: new Date(Date.now() + 86_400_000).toUTCString() }];
  for (const change of over) {
    const { bootstrapped, wiped } = await fakeRun(t, change);
    await t.throwsAsync(bootstrapped, { code: 'ERR_UB_MALFORMED', message: /end at once/ });
    t.deepEqual(wiped[0]?.res, new Uint8Array(8));
  }
});

for (const [stale, requests, code] of [
  [true, 4, 'ERR_BSF_UNREACHABLE'],
  [false, 2, 'ERR_BSF_DENIED'],
] as const) {
  const what = stale ? 'calls every answer late' : 'calls RES wrong by another challenge';
  test(`a BSF that ${what} is left after ${requests} requests`, async (t) => {
    const { hss, usim } = makeBsf(t);
    const fake = await fakeBsf(t, (request, response) => {
      void hss.vector(meOnly.impi, 'ub').then((vector) => {
        challengeWith(vector, stale)(request, response);
      });
    });
    const endless = bootstrapOverUb({ bsf: fake.url, usim: usim(meOnly), clock });
    await t.throwsAsync(endless, { code });
    t.is(fake.seen.length, requests);
  });
}

test('a replayed challenge gets one AUTS in a run, and the same one in every run', async (t) => {
  const { hss, usim } = makeBsf(t);
  const vector = await hss.vector(meOnly.impi, 'ub');
  const card = usim(meOnly);
  await card.authenticate(vector.rand, vector.autn);
  const fake = await fakeBsf(t, challengeWith(vector));
  const store = openMemoryStore();
  for (let n = 0; n < 3; n += 1) {
    const options = { bsf: fake.url, usim: card, clock, firstAuts: firstAuts(store) };
    await t.throwsAsync(bootstrapOverUb(options), { instanceOf: SyncFailure });
    const { rand, autn } = await hss.vector(meOnly.impi, 'ub');
    await card.authenticate(rand, autn);
  }
  const auts = fake.seen.flatMap(({ authorization }) => {
    const octets = parseAuthorization(authorization).auts;
    return octets ? [toHex(octets)] : [];
  });
  t.is(auts.length, 3);
  t.is(new Set(auts).size, 1);
});

test('a BSF is named by http://host or http://host:port, and by nothing else', (t) => {
  t.is(parseBsfUrl('http://bsf.example.org').host, 'bsf.example.org');
  t.is(parseBsfUrl('http://[::1]:8080').host, '[::1]:8080');
  for (const text of [
    'bsf.example.org',
    'bsf.example.org:80',
    'https://bsf.example.org',
    'http://user:secret@bsf.example.org',
    'http://bsf.example.org/path',
    'http://bsf.example.org/?q',
    'http://bsf.example.org:0',
    'http://',
    '',
  ]) {
    t.throws(
      () => parseBsfUrl(text),
      { instanceOf: ConfigError, code: 'ERR_CONFIG_ADDRESS' },
      text,
    );
  }
});

test('an answer that is none is an error that says so', async (t) => {
  const { usim } = makeBsf(t);
  const answers: [RequestListener, string][] = [
    [(_request, response) => response.writeHead(401).end(), 'ERR_UB_MALFORMED'],
    [
      (_request, response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end(),
      'ERR_UB_MALFORMED',
    ],
    [(_request, response) => response.writeHead(200).end('x'), 'ERR_UB_MALFORMED'],
    [
      (_request, response) => response.writeHead(302, { Location: 'http://127.0.0.1:9/' }).end(),
      'ERR_UB_MALFORMED',
    ],
    [(_request, response) => response.writeHead(403).end(), 'ERR_BSF_DENIED'],
    [(_request, response) => response.writeHead(404).end(), 'ERR_BSF_DENIED'],
    [(_request, response) => response.writeHead(429).end(), 'ERR_BSF_BUSY'],
    [(_request, response) => response.writeHead(503).end(), 'ERR_BSF_UNREACHABLE'],
    [
      (_request, response) => {
        const nonce = formatNonce(new Uint8Array(16), new Uint8Array(16));
        response.writeHead(401, { 'WWW-Authenticate': formatChallenge({ realm, nonce }) });
        response.end(Buffer.alloc(20_000));
      },
      'ERR_UB_MALFORMED',
    ],
    [(request) => request.socket.destroy(), 'ERR_BSF_UNREACHABLE'],
    [
      (_request, response) => response.writeHead(401, { 'X-Long': 'x'.repeat(9_000) }).end(),
      'ERR_BSF_UNREACHABLE',
    ],
  ];
  for (const [answer, code] of answers) {
    const { url } = await fakeBsf(t, answer);
    await t.throwsAsync(bootstrapOverUb({ bsf: url, usim: usim(meOnly), clock }), { code }, code);
  }
  const gone = bootstrapOverUb({ bsf: new URL('http://127.0.0.1:9'), usim: usim(meOnly), clock });
  t.true((await t.throwsAsync(gone, { instanceOf: BsfError }))?.retryable);
});

test('a silent BSF is given up, and an abort rejects with its own reason', async (t) => {
  const { usim } = makeBsf(t);
  const held = manualClock();
  let asked = (): void => undefined;
  const fake = await fakeBsf(t, () => {
    asked();
  });
  const options: BootstrapOptions = { bsf: fake.url, usim: usim(meOnly), clock: held };
  const until = (): Promise<void> => new Promise((resolve) => (asked = resolve));

  let arrived = until();
  const silent = bootstrapOverUb(options);
  await arrived;
  held.advance(10_000);
  const error = await t.throwsAsync(silent, { instanceOf: BsfError, code: 'ERR_BSF_UNREACHABLE' });
  t.true(error?.retryable);

  arrived = until();
  const stop = new AbortController();
  const aborted = bootstrapOverUb({ ...options, signal: stop.signal });
  await arrived;
  const reason = new Error('no longer wanted');
  stop.abort(reason);
  await t.throwsAsync(aborted, { is: reason });
  await t.throwsAsync(bootstrapOverUb({ ...options, signal: stop.signal }), { is: reason });
  t.is(held.pending, 0);
});
