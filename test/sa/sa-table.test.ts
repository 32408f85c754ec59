import test from 'ava';
import { bTidOf, parseFqdn, parseImpi, pskIdentityOf, pTidOf } from '../../src/ids.ts';
import { announce, type Announced, type LiveSa } from '../../src/sa/association.ts';
import { idIn, SaTable } from '../../src/sa/sa-table.ts';
import { manualClock } from '../support/manual-clock.ts';

const impi = parseImpi('001010000000001@ims.mnc001.mcc001.3gppnetwork.org');
const fqdn = parseFqdn('bsf.example.org');

function makeSa(number: number): Announced {
  const terms = {
    bTid: bTidOf(new Uint8Array(16).fill(number), fqdn),
    pTid: pTidOf(new Uint8Array(12).fill(number)),
    impi,
    nafFqdn: fqdn,
    binding: { version: '1.3' },
    expiresAt: 0,
  } as const;
  return announce(terms, new Uint8Array(32));
}

function makeTable() {
  const clock = manualClock();
  const ended: LiveSa[] = [];
  const table = new SaTable({ clock, onEnd: (sa) => ended.push(sa) });
  /** Its key has been there for `ageMs` and lasts a minute more. */
  const add = (number: number, ageMs = 0) => {
    const sa = makeSa(number);
    table.add({ sa, proved: false, lifetimeMs: 60_000 + ageMs }, 60_000);
    return sa;
  };
  return { clock, ended, table, add };
}

test('one that is deleted has left every index and has no deadline', (t) => {
  const { clock, ended, table, add } = makeTable();
  const sa = add(1);
  const slot = table.get(sa.bTid);
  t.true(table.hasNameOf(sa));
  if (slot) table.delete(slot);
  t.false(table.hasNameOf({ bTid: sa.bTid }));
  t.false(table.hasNameOf({ bTid: makeSa(2).bTid, pTid: sa.pTid }));
  t.deepEqual([...table], []);
  t.deepEqual(table.of(impi), []);
  t.is(clock.pending, 0);
  clock.advance(60_000);
  t.deepEqual(ended, []);
});

test('a P-TID that another one has is taken, whatever the B-TID', (t) => {
  const { table, add } = makeTable();
  const { pTid } = add(1);
  t.true(table.hasNameOf({ bTid: makeSa(2).bTid, pTid }));
});

test('those of a subscriber stand by the age of their keys, all of them by when they came', (t) => {
  const { table, add } = makeTable();
  const [young, old, older] = [add(1), add(2, 1_000), add(3, 2_000)];
  t.deepEqual(
    table.of(impi).map(({ sa }) => sa),
    [older, old, young],
  );
  t.deepEqual(
    Array.from(table, ({ sa }) => sa),
    [young, old, older],
  );
});

test('one whose key has ended is told of and found no more, and stays until it is deleted', (t) => {
  const { clock, ended, table, add } = makeTable();
  const sa = add(1);
  const identity = pskIdentityOf(sa.bTid);
  clock.advance(59_999);
  t.is(table.find(identity)?.sa, sa);
  clock.advance(1);
  t.deepEqual(ended, [sa]);
  t.is(table.find(identity), undefined);
  t.is(table.get(sa.bTid)?.sa, sa);
});

test('cleared, it keeps no deadline', (t) => {
  const { clock, table, add } = makeTable();
  add(1);
  add(2);
  table.clear();
  t.is(table.size, 0);
  t.is(clock.pending, 0);
});

test('an id is read letter for letter out of an identity of our namespaces, and of no other', (t) => {
  t.is(idIn('3GPP-bootstrapping;A@b'), 'A@b');
  t.is(idIn('3GPP-bootstrapping-uicc;A@b'), 'A@b');
  for (const stranger of ['3gpp-bootstrapping;A@b', '3GPP-bootstrapping', 'A@b', '']) {
    t.is(idIn(stranger), undefined, stranger);
  }
});
