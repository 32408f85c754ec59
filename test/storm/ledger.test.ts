/** That the storm would see it: ledgers of which the property does not hold. */
import test from 'ava';
import { faultsOf, type Ledger, type NafLife } from './ledger.ts';

const acked = (id: string) => ({ id, state: 'acked', via: 'reuse' });
const dead = (id: string, reason: string, detail = '') => ({ id, state: 'dead', reason, detail });
const run = (id: string, finished = true) => ({ id, finished });

function ledger(more: Partial<Ledger>, naf: Partial<NafLife> = {}): Ledger {
  const receipts = naf.receipts ?? [];
  const life: NafLife = { written: receipts.length, end: 'settled', receipts, ...naf };
  return { redeliver: false, nafs: [life], runs: [], ueKills: 0, ...more };
}

test('what is so is no fault', (t) => {
  const receipts = [acked('a'), dead('b', 'interrupted'), dead('c', 'interrupted')];
  t.deepEqual(faultsOf(ledger({ runs: [run('a'), run('b', false)] }, { receipts })), []);
  t.deepEqual(faultsOf(ledger({ runs: [run('a')] }, { end: 'killed', written: 5 })), []);
  const twice = { redeliver: true, ueKills: 1, runs: [run('a', false), run('a')] };
  t.deepEqual(faultsOf(ledger(twice, { receipts: [acked('a')] })), []);
});

for (const [what, fault, found] of [
  ['a second run', /^a: handled 2 times/, ledger({ runs: [run('a'), run('a')] })],
  [
    'more runs than kills, at least once',
    /^a: handled 3 times/,
    ledger({ redeliver: true, ueKills: 1, runs: [run('a'), run('a'), run('a')] }),
  ],
  ['an acknowledgement of nothing', /^a: acked/, ledger({}, { receipts: [acked('a')] })],
  [
    'an acknowledgement of half',
    /^a: acked/,
    ledger({ runs: [run('a', false)] }, { receipts: [acked('a')] }),
  ],
  ['a push without an outcome', /^1 of 1 pushes have no outcome/, ledger({}, { written: 1 })],
  [
    'two receipts, over two lives',
    /^a: has two receipts/,
    {
      ...ledger({ runs: [run('a')] }),
      nafs: [1, 2].map(() => ({ written: 1, end: 'killed' as const, receipts: [acked('a')] })),
    },
  ],
  [
    'a receipt too many',
    /^1 receipts for 0 lines/,
    ledger({}, { ...lifeOf(acked('a')), written: 0 }),
  ],
  [
    'a push that is dead and was handled',
    /^a: dropped, and handled/,
    ledger({ runs: [run('a')] }, { end: 'drained', receipts: [dead('a', 'dropped', 'closed')] }),
  ],
  [
    'one that died without a reason',
    /^no reason for/,
    ledger({}, { receipts: [dead('a', 'expired')] }),
  ],
  [
    'interrupted, although it could have been handled again',
    /^a: interrupted/,
    ledger({ redeliver: true }, { receipts: [dead('a', 'interrupted')] }),
  ],
] as const) {
  test(`a fault: ${what}`, (t) => {
    t.regex(faultsOf(found).join('\n'), fault);
  });
}

test('a dead push may have been handled when its receipt says so', (t) => {
  const receipts = [dead('a', 'dropped', 'closed; it went out, so the UE may have handled it')];
  t.deepEqual(faultsOf(ledger({ runs: [run('a')] }, { end: 'drained', receipts })), []);
});

function lifeOf(...receipts: NafLife['receipts']): Partial<NafLife> {
  return { receipts };
}
