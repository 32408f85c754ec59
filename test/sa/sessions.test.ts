import test from 'ava';
import { systemClock } from '../../src/lib/clock.ts';
import type { Announced } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { SaSessions, type SaSession } from '../../src/sa/sessions.ts';
import { makeSa } from '../support/tls.ts';

const [one, other] = [makeSa(), makeSa()];

function session(id: string, { bTid, key } = one): SaSession {
  return { id, bTid, identity: 'x', key, octets: Uint8Array.of(1, 2, 3) };
}

test('an association has so many sessions at the most; the oldest is wiped', (t) => {
  const sessions = new SaSessions(2);
  const all = ['a', 'b', 'c'].map((id) => session(id));
  for (const each of [...all, session('d', other)]) sessions.keep(each);
  t.is(sessions.size, 3);
  t.deepEqual(all[0]?.octets, new Uint8Array(3));
  t.is(sessions.find('a'), undefined);
  t.is(sessions.latest(one.bTid), all[2]);
});

test('a session replaces one of its id, also of another association', (t) => {
  const sessions = new SaSessions(1);
  const [first, second] = [session('a'), session('a', other)];
  sessions.keep(first);
  sessions.keep(second);
  t.is(sessions.size, 1);
  t.is(sessions.find('a'), second);
  t.is(sessions.latest(one.bTid), undefined);
  t.deepEqual(first.octets, new Uint8Array(3));
});

for (const end of ['close', 'closeAll', 'suspendAll'] as const) {
  test(`no session outlives its association: ${end}`, (t) => {
    const sessions = new SaSessions(2);
    const registry = new SaRegistry({ clock: systemClock, sessions });
    const sas = [makeSa(), makeSa()] as Announced[];
    const kept = sas.map((sa) => session(sa.bTid, registry.add(sa)));
    for (const each of kept) sessions.keep(each);
    if (end === 'suspendAll') registry.suspendAll();
    else if (end === 'closeAll') registry.closeAll('revoked');
    else for (const { bTid } of sas) registry.close(bTid, 'expired');
    t.is(sessions.size, 0);
    for (const { octets } of kept) t.deepEqual(octets, new Uint8Array(3));
  });
}
