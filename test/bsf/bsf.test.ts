import test from 'ava';
import { deriveKsNaf, ksOf } from '../../src/aka/kdf.ts';
import { createBsf, type BsfOptions } from '../../src/bsf/bsf.ts';
import { decodeGpi, GPI_NAF_ID, openGpi, type GbaPushInfo } from '../../src/codec/gpi.ts';
import { BsfError } from '../../src/errors.ts';
import { bTidOf, nafIdOf, parseFqdn, parseUaSecurityProtocolId, uaIdOf } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { AuthenticationVector, Bsf, PushInfoRequest } from '../../src/ports.ts';
import { impi, pushInfo } from '../support/gpi.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';
import { createSim, type Sim } from '../support/sim.ts';

const policy = { defaultSeconds: 3_600, maxSeconds: 86_400 };
const { pTid, nafFqdn, bsfFqdn } = pushInfo;
const uaId = uaIdOf({ version: '1.3' });

interface Bench {
  readonly bsf: Bsf;
  readonly clock: ManualClock;
  readonly sim: Sim;
  /** Copies of what the HSS gave, before the BSF wiped it. */
  readonly given: AuthenticationVector[];
  readonly request: (change?: Partial<PushInfoRequest>) => PushInfoRequest;
  /** Opens a GPI with the keys of the n-th vector. */
  readonly open: (gpi: Uint8Array, n?: number) => GbaPushInfo;
}

function bench(options: Partial<BsfOptions> = {}): Bench {
  const clock = manualClock();
  const sim = createSim(impi);
  const given: AuthenticationVector[] = [];
  const hss = {
    ...sim.hss,
    async vector(...request: Parameters<typeof sim.hss.vector>) {
      const vector = await sim.hss.vector(...request);
      given.push({ ...vector, ck: vector.ck.slice(), ik: vector.ik.slice() });
      return vector;
    },
  };
  return {
    bsf: createBsf({ hss, clock, policy, ...options }),
    clock,
    sim,
    given,
    request: (change = {}) => ({
      impi,
      nafFqdn,
      uaId,
      pTid,
      requestedExpiresAt: clock.now() + 600_000,
      ...change,
    }),
    open(gpi, n = 0) {
      const vector = given[n];
      if (vector === undefined) throw new RangeError(`there is no vector ${n}`);
      const { ck, ik, rand } = vector;
      const key = deriveKsNaf({ ks: ksOf(ck, ik), rand, impi, nafId: GPI_NAF_ID });
      return openGpi(decodeGpi(gpi), { key, impi });
    },
  };
}

test('the NAF gets the key that the GPI leads the SIM to', async (t) => {
  const { bsf, sim, request } = bench();
  const { ksNaf, gpi } = await bsf.pushInfo(request());
  const { rand, autn } = decodeGpi(gpi);
  const keys = await sim.usim.authenticate(rand, autn);
  const info = openGpi(decodeGpi(gpi), { key: await keys.derive(GPI_NAF_ID), impi });
  t.deepEqual({ ...info }, { ...info, nafFqdn, bsfFqdn, uaId, pTid, gbaU: false });
  t.is(toHex(await keys.derive(nafIdOf(info.nafFqdn, info.uaId))), toHex(ksNaf));
});

test('the key ends when the NAF asks for it, at the latest when the policy says', async (t) => {
  const { bsf, clock, request, open } = bench();
  const asked = await bsf.pushInfo(request({ requestedExpiresAt: clock.now() + 600_999 }));
  t.is(asked.expiresAt, clock.now() + 600_000);
  t.like(open(asked.gpi), { expiresAt: asked.expiresAt, lifetimeSeconds: 600 });
  const capped = await bsf.pushInfo(request({ requestedExpiresAt: Number.MAX_SAFE_INTEGER }));
  t.is(capped.expiresAt, clock.now() + 86_400_000);
  t.like(open(capped.gpi, 1), { expiresAt: capped.expiresAt, lifetimeSeconds: 86_400 });
});

test('the lifetime in seconds never ends after the expiry', async (t) => {
  const { bsf, clock, request, open } = bench();
  clock.advance(400);
  const { gpi, expiresAt } = await bsf.pushInfo(request());
  t.true(clock.now() + open(gpi).lifetimeSeconds * 1_000 <= expiresAt);
});

test('a key that would end within a second costs no vector', async (t) => {
  const { bsf, clock, request, given } = bench();
  for (const requestedExpiresAt of [0, clock.now(), clock.now() + 999, NaN]) {
    await t.throwsAsync(bsf.pushInfo(request({ requestedExpiresAt })), { code: 'ERR_BSF_DENIED' });
  }
  t.is(given.length, 0);
});

test('each request has a vector, a key and a GPI of its own', async (t) => {
  const { bsf, request, given } = bench();
  const answers = await Promise.all([1, 2, 3].map(() => bsf.pushInfo(request())));
  t.is(given.length, 3);
  t.is(new Set(answers.map(({ ksNaf }) => toHex(ksNaf))).size, 3);
  t.is(new Set(answers.map(({ gpi }) => toHex(decodeGpi(gpi).rand))).size, 3);
});

test('CK and IK are wiped when the answer is out, and when there is none', async (t) => {
  const { bsf, sim, request } = bench({ fqdn: parseFqdn(`${'a'.repeat(60)}.${'b'.repeat(60)}`) });
  const { ksNaf } = await bsf.pushInfo(request());
  t.notDeepEqual(ksNaf, new Uint8Array(32));
  const long = parseFqdn(`${'c'.repeat(60)}.${'d'.repeat(60)}`);
  await t.throwsAsync(bsf.pushInfo(request({ nafFqdn: long })), { code: 'ERR_GPI_MALFORMED' });
  t.is(sim.hss.vectors.length, 2);
  for (const { ck, ik, xres } of sim.hss.vectors) {
    t.deepEqual([ck, ik, xres], [new Uint8Array(16), new Uint8Array(16), new Uint8Array(8)]);
  }
});

test('a NAF that is not listed is denied and costs no vector', async (t) => {
  const { bsf, request, given } = bench({ nafs: [nafFqdn] });
  await t.notThrowsAsync(bsf.pushInfo(request()));
  const other = request({ nafFqdn: parseFqdn('naf.example') });
  await t.throwsAsync(bsf.pushInfo(other), { instanceOf: BsfError, code: 'ERR_BSF_DENIED' });
  t.is(given.length, 1);
});

test('no NAF gets the key that seals GPIs, nor one for an id without a method', async (t) => {
  const { bsf, request, given } = bench();
  for (const id of ['ff00000001', '0100000002', '0100000100', '010001008c']) {
    const uaId = parseUaSecurityProtocolId(id);
    const asked = request({ nafFqdn: parseFqdn('gpi.gba-push.invalid'), uaId });
    await t.throwsAsync(bsf.pushInfo(asked), { code: 'ERR_BSF_DENIED' }, id);
  }
  t.is(given.length, 0);
});

test('the B-TID of a push is unknown to bootstrapping info', async (t) => {
  const { bsf, request } = bench();
  const { gpi } = await bsf.pushInfo(request());
  const bTid = bTidOf(decodeGpi(gpi).rand, bsfFqdn);
  await t.throwsAsync(bsf.bootstrapInfo({ bTid, nafFqdn, uaId }), {
    instanceOf: BsfError,
    code: 'ERR_BSF_UNKNOWN_TRANSACTION',
  });
});

test('the GPI carries the name of a BSF that has its own', async (t) => {
  const fqdn = parseFqdn('bsf.lab.example');
  const { bsf, request, open } = bench({ fqdn });
  t.is(bsf.fqdn, fqdn);
  t.is(open((await bsf.pushInfo(request())).gpi).bsfFqdn, fqdn);
});

test('an aborted request costs no vector and rejects with its reason', async (t) => {
  const { bsf, request, given } = bench();
  const reason = new Error('no longer wanted');
  await t.throwsAsync(bsf.pushInfo(request(), AbortSignal.abort(reason)), { is: reason });
  t.is(given.length, 0);
});
