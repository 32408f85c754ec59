import test from 'ava';
import { bTidOf, parseFqdn, parseImpi, pTidOf } from '../../src/ids.ts';
import { announce, establish, park, type LiveSa } from '../../src/sa/association.ts';
import { begunInVain, crowdedOut, isOutdated, supersededBy } from '../../src/ue/succession.ts';

const impi = parseImpi('001010000000001@ims.mnc001.mcc001.3gppnetwork.org');
const bsfFqdn = parseFqdn('bsf.example.org');

function makeSa(number: number, naf = 'naf.example.org'): LiveSa {
  const terms = {
    bTid: bTidOf(new Uint8Array(16).fill(number), bsfFqdn),
    pTid: pTidOf(new Uint8Array(12).fill(number)),
    impi,
    nafFqdn: parseFqdn(naf),
    binding: { version: '1.3' } as const,
    expiresAt: 1,
  };
  return announce(terms, new Uint8Array(32));
}

test('an open layer replaces the older of its NAF that have had theirs, and nothing else', (t) => {
  const [first, fresh, parked] = [establish(makeSa(1)), makeSa(2), park(makeSa(3))];
  const [other, opened, younger] = [
    establish(makeSa(4, 'b.example.org')),
    establish(makeSa(5)),
    park(makeSa(6)),
  ];
  const all = [first, fresh, parked, other, opened, younger];
  t.deepEqual(supersededBy(opened, all), [first, parked]);
  t.deepEqual(supersededBy(makeSa(9), all), []);
});

test('a layer that is gone is not missed where a younger one of the same NAF serves', (t) => {
  const [older, younger] = [park(makeSa(1)), establish(makeSa(2))];
  t.true(isOutdated(older, [older, younger]));
  t.false(isOutdated(older, [older, park(younger)]));
  t.false(isOutdated(younger, [establish(older), younger]));
  t.false(isOutdated(older, [older, establish(makeSa(3, 'b.example.org'))]));
});

test('the oldest that is idle makes room, never one whose layer is being opened', (t) => {
  const all = Array.from({ length: 19 }, (_, n) => makeSa(n));
  const newest = makeSa(20);
  const dialling = new Set(all.slice(0, 4));
  const out = crowdedOut(newest, [...all, newest], (sa) => dialling.has(sa));
  t.deepEqual(out, all.slice(4, 8));
  t.deepEqual(
    crowdedOut(newest, [...all.slice(0, 15), newest], () => false),
    [],
  );
  t.deepEqual(
    crowdedOut(newest, [...all, newest], () => true),
    [],
  );
});

test('what the UE begins replaces what it began in vain, and nothing that was proved or pushed', (t) => {
  const begun = (number: number): LiveSa => ({ ...park(makeSa(number)), pTid: undefined });
  const [vain, proved, pushed, next] = [begun(1), begun(2), park(makeSa(3)), begun(4)];
  const other = { ...begun(5), nafFqdn: parseFqdn('b.example.org') };
  const all = [vain, proved, pushed, other, next];
  t.deepEqual(
    begunInVain(next, all, (sa) => sa === proved),
    [vain],
  );
  t.deepEqual(
    begunInVain(pushed, all, () => false),
    [],
  );
});
