/** Attacks with tickets and renegotiation: what goes on after a key was proved, or is over. */
import { join } from 'node:path';
import anyTest from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { LiveSa } from '../../src/sa/association.ts';
import { startFlightRelay } from '../support/flights.ts';
import { testWith } from '../support/peers.ts';
import { until } from '../support/tls.ts';
import { firstPush, openOwn, testAttack, type Attack, type Scene } from './attack.ts';
import { openTls12, temporaryFolder } from './openssl.ts';
import type { OfferedPsk } from './raw-client.ts';
import { isPush, pushTo } from './target.ts';

const weakest: TlsBinding = { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' };

const rawAttacks: readonly Attack[] = [
  {
    title: 'a ticket opens a layer in TLS 1.3 after its key was revoked',
    because: 'a resumption never asks the callback, and tickets are on by default (RFC 8446 2.2)',
    succeeds: async (scene) => {
      const ticket = await ownTicket(scene);
      scene.target.revoke(scene.own);
      return isPush(await firstPush(scene, { psks: [ticket] }));
    },
  },
  {
    title: 'a name whose key is over and the attacker’s own ticket get the pushes of that name',
    because: 'the callback sees the name, the ticket beside it is used (RFC 8446 4.2.11)',
    succeeds: async (scene) => {
      const { target, victim, own } = scene;
      const ticket = await ownTicket(scene);
      target.revoke(victim);
      const identity = pskIdentityOf(victim.bTid);
      const push = await firstPush(scene, { psks: [{ identity, key: own.key }, ticket] });
      return push === pushTo(identity);
    },
  },
];

const opensslAttacks: readonly Attack[] = [
  {
    title: 'a ticket opens a layer in TLS 1.2 after its key was revoked',
    because: 'a resumption never asks the callback, and a ticket lasts two hours (RFC 5077 3.1)',
    binding: weakest,
    succeeds: async (scene) => {
      const { t, target, own } = scene;
      const file = await ownSession(scene);
      target.revoke(own);
      return openTls12(t, target.port, keyless(own), '-sess_in', file).says(/push for/);
    },
  },
  {
    title: 'a resumption in TLS 1.2 outruns the revocation of its key',
    because: 'the key ends between the two flights of the client, and no later look finds that out',
    binding: weakest,
    succeeds: async (scene) => {
      const { t, target, own } = scene;
      const file = await ownSession(scene);
      const relay = await startFlightRelay(t, target.port, (flight) => {
        if (flight === 2) target.revoke(own);
      });
      return openTls12(t, relay.port, keyless(own), '-sess_in', file).says(/push for/);
    },
  },
  {
    title: 'renegotiation makes one TLS 1.2 connection look its key up again and again',
    because: 'a client may renegotiate whenever it likes (RFC 5246 7.4.1.2)',
    binding: weakest,
    succeeds: async ({ t, target, own }) => {
      const client = openTls12(t, target.port, own);
      t.true(await client.says(/push for/));
      const before = target.lookups.length;
      client.type('R\n');
      const isRefused = (): boolean => /no[ _]renegotiation/i.test(client.said());
      await until(() => isRefused() || target.lookups.length > before);
      return target.lookups.length > before;
    },
  },
];

for (const attack of rawAttacks) testAttack(anyTest.serial, attack);
for (const attack of opensslAttacks) testAttack(testWith('openssl'), attack);

/** What openssl keeps of a layer that is the attacker's by right: a file. */
async function ownSession({ t, target, own }: Scene): Promise<string> {
  const file = join(temporaryFolder(t), 'session');
  const first = openTls12(t, target.port, own, '-sess_out', file);
  t.true(await first.says(/push for/));
  first.type('Q\n');
  await first.says(/DONE/);
  return file;
}

function keyless(sa: LiveSa): LiveSa {
  return { ...sa, key: new Uint8Array(32) };
}

/** What the NAF gives for later to whoever has a key, as the attacker has. */
async function ownTicket(scene: Scene): Promise<OfferedPsk> {
  const layer = await openOwn(scene);
  const ticket = await layer.ticket();
  layer.close();
  return ticket ?? scene.t.fail('the NAF gives no ticket');
}
