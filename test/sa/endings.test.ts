import test from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import type { Announced, SaTerms } from '../../src/sa/association.ts';
import { Endings } from '../../src/sa/endings.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

test('an identity that is known no longer is told from one that never was', (t) => {
  const clock = manualClock(Date.now());
  const registry = new SaRegistry({ clock });
  const add = (lifetimeMs: number): Announced =>
    registry.add(makeSa({ expiresAt: clock.now() + lifetimeMs }) as Announced);
  const [expired, revoked, superseded, live] = [add(1_000), add(9_000), add(9_000), add(9_000)];
  clock.advance(1_000);
  registry.close(revoked.bTid, 'revoked');
  registry.close(superseded.bTid, 'superseded');
  const codes = [expired, revoked, superseded, live, makeSa()].map(
    ({ bTid }) => registry.faultOf(pskIdentityOf(bTid))?.code,
  );
  t.deepEqual(codes, ['ERR_SA_EXPIRED', 'ERR_SA_REVOKED', 'ERR_SA_UNKNOWN', undefined, undefined]);
  const fault = registry.faultOf(pskIdentityOf(revoked.bTid));
  t.is(fault?.message, `the association ${revoked.bTid} was revoked`);
});

type SaName = Pick<SaTerms, 'bTid' | 'pTid'>;

test('of many endings the newest are remembered', (t) => {
  const sas = [makeSa(), makeSa(), makeSa()].map(({ bTid }) => ({ bTid, pTid: undefined }));
  const [a, b, c] = sas as [SaName, SaName, SaName];
  const endings = new Endings(2);
  for (const sa of [a, b, a, c]) endings.note(sa, 'revoked');
  t.deepEqual(
    [a, b, c].map(({ bTid }) => endings.faultOf(bTid) !== undefined),
    [true, false, true],
  );
});
