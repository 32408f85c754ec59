/** Attacks by what a client calls itself. */
import anyTest from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { testWith } from '../support/peers.ts';
import { makeSa, startRelay } from '../support/tls.ts';
import { answerTo } from '../support/tls-records.ts';
import { firstPush, openOwn, testAttack, type Attack, type Scene } from './attack.ts';
import { openTls12 } from './openssl.ts';
import { startOurs } from './ours.ts';
import { openRawLayer, rawClientHello } from './raw-client.ts';
import { isPush, pushTo } from './target.ts';

const test = anyTest.serial;

const attacks: readonly Attack[] = [
  {
    title: 'an identity with a newline forges a line of the log',
    because: 'an identity is any octets, and the callback gets all that is UTF-8 (RFC 8446 4.2.11)',
    succeeds: async (scene) => {
      const { target, victim, own } = scene;
      const forged = `layer of ${pskIdentityOf(victim.bTid)}`;
      await openRawLayer(target.port, {
        psks: [{ identity: `nobody\n${forged}`, key: own.key }],
      });
      (await openOwn(scene)).close();
      return target.log().split('\n').includes(forged);
    },
  },
  {
    title: 'a server_name with control characters steers the terminal of who reads the log',
    because: 'Node.js hands the octets of server_name over as they are (RFC 6066 3)',
    succeeds: async (scene) => {
      const { target, own } = scene;
      const psks = [{ identity: pskIdentityOf(own.bTid), key: own.key }];
      const serverName = Buffer.from('naf.example\nlayer of forged \x1b[2J\x9b2J', 'latin1');
      await openRawLayer(target.port, { psks, serverName });
      (await openOwn(scene)).close();
      return ['\x1b', '\x9b', '\nlayer of forged'].some((text) => target.log().includes(text));
    },
  },
  {
    title: 'one hello with a hundred identities makes a hundred look-ups',
    because: 'OpenSSL calls back for each identity until one has a key (RFC 8446 4.2.11)',
    succeeds: async ({ target, own }) => {
      const psks = Array.from({ length: 100 }, (_, i) => ({
        identity: `device-${i}`,
        key: own.key,
      }));
      await openRawLayer(target.port, { psks });
      return target.lookups.length > 1;
    },
  },
  {
    title: 'identities of 256 octets fill the log from one hello',
    because: 'an identity may have 256 octets in OpenSSL, and a hello has room for many',
    succeeds: async (scene) => {
      const { target, own } = scene;
      const psks = Array.from({ length: 100 }, (_, i) => ({
        identity: String(i).padEnd(256, 'x'),
        key: own.key,
      }));
      await openRawLayer(target.port, { psks });
      (await openOwn(scene)).close();
      return target.log().length > 10_000;
    },
  },
  {
    title: 'another base64 spelling of the B-TID is a second name for one association',
    because: 'Buffer.from(text, "base64") ignores padding, white space and stray bits',
    succeeds: (scene) =>
      opensUnder(scene, (own) => [
        own.replace('==@', '@'),
        own.replace('==@', '=@'),
        own.replace('==@', '==\n@'),
        own.replace(/.==@/, (end) => `${nextOf(end)}==@`),
        own.replaceAll('+', '-').replaceAll('/', '_').replace('==@', '@'),
      ]),
  },
  {
    title: 'a wrong prefix or case is a second name for one association',
    because: 'the prefix says whose key is meant, the ME’s or the UICC’s (TS 24.109 5.3.3)',
    succeeds: (scene) =>
      opensUnder(scene, (own) => [
        own.replace('bootstrapping', 'bootstrapping-uicc'),
        own.replace('bootstrapping', 'bootstrapping-digest'),
        own.replace('3GPP', '3gpp'),
        own.replace(/^.*;/, ''),
        own.replace(/^.*;/, ';'),
        own.replace(/@.*$/, (name) => name.toUpperCase()),
        `${own} `,
      ]),
  },
  {
    title: 'the alert to a wrong key tells in TLS 1.3 that the identity exists',
    because:
      'OpenSSL has no PSK for an unknown name and a bad binder for a known one (RFC 8446 6.2)',
    succeeds: async ({ t, target, victim, own }) => {
      const names = [victim, makeSa()].map(({ bTid }) => pskIdentityOf(bTid));
      const answers: (string | undefined)[] = [];
      for (const identity of names) {
        const hello = rawClientHello({ psks: [{ identity, key: own.key }] });
        answers.push(JSON.stringify(await answerTo(target.port, hello)));
      }
      t.true(answers.every((answer) => answer !== undefined));
      return answers[0] !== answers[1];
    },
  },
  {
    title: 'whoever knows the name of a device ends its layer with a wrong key',
    because: 'the callback runs before the binder is verified (RFC 8446 4.2.11)',
    succeeds: (scene) =>
      cutsVictim(scene, async ({ target, victim, own }) => {
        const psks = [{ identity: pskIdentityOf(victim.bTid), key: own.key }];
        await answerTo(target.port, rawClientHello({ psks }));
      }),
  },
  {
    title: 'a recorded hello that is sent again ends the layer of its device',
    because: 'a binder is over the hello alone, so it proves nothing fresh (RFC 8446 4.2.11.2)',
    succeeds: (scene) =>
      cutsVictim(scene, async ({ target }, recorded) => {
        await answerTo(target.port, recorded);
      }),
  },
];

for (const attack of attacks) testAttack(test, attack);

testAttack(testWith('openssl'), {
  title: 'the alert to a wrong key tells in TLS 1.2 that the identity exists',
  because: 'unknown_psk_identity or bad_record_mac: the server may say which (RFC 4279 2)',
  binding: { version: '1.2', suite: 'PSK-AES128-CBC-SHA256' },
  succeeds: async ({ t, target, victim, own }) => {
    const alerts: (string | undefined)[] = [];
    for (const { bTid, binding } of [victim, makeSa({ ...own, bTid: makeSa().bTid })]) {
      const client = openTls12(t, target.port, { ...own, bTid, binding });
      t.true(await client.says(/alert number \d+/));
      alerts.push(/alert number (\d+)/.exec(client.said())?.[1]);
    }
    return alerts[0] !== alerts[1];
  },
});

// OpenSSL passes over an identity of more than 256 octets before it calls anybody: no server falls.
test('an identity of 256 octets is looked up and refused, one of 257 is not looked up', async (t) => {
  const own = makeSa();
  const target = await startOurs(t, [own]);
  for (const octets of [256, 257]) {
    const identity = pskIdentityOf(own.bTid).padEnd(octets, 'a');
    t.is(await openRawLayer(target.port, { psks: [{ identity, key: own.key }] }), undefined);
  }
  t.deepEqual(
    target.lookups.map(({ length }) => length),
    [256],
  );
});

// OpenSSL cuts an identity at its first NUL before it calls anybody: no server falls.
test('an identity with a NUL counts as what is before it, and needs the key of that', async (t) => {
  const [victim, own] = [makeSa(), makeSa()];
  const target = await startOurs(t, [victim, own]);
  const [name, other] = [pskIdentityOf(own.bTid), pskIdentityOf(victim.bTid)];
  const open = (identity: string) =>
    openRawLayer(target.port, { psks: [{ identity, key: own.key }] });
  for (const identity of [
    `\0${name}`,
    `${name.slice(0, -1)}\0`,
    `${other}\0`,
    `${other}\0${name}`,
  ]) {
    t.is(await open(identity), undefined, JSON.stringify(identity));
  }
  const layer = await open(`${name}\0${other}`);
  t.is(await layer?.read(), pushTo(name));
  layer?.close();
  target.revoke(own);
  t.is(await open(`${name}\0${other}`), undefined);
});

/** True when one of these spellings of the attacker's own name gets a layer, as the name does. */
async function opensUnder(
  scene: Scene,
  spellings: (own: string) => readonly string[],
): Promise<boolean> {
  const { own } = scene;
  (await openOwn(scene)).close();
  const name = pskIdentityOf(own.bTid);
  for (const identity of spellings(name).filter((spelling) => spelling !== name)) {
    if (isPush(await firstPush(scene, { psks: [{ identity, key: own.key }] }))) return true;
  }
  return false;
}

/** Opens the victim's layer through a recording relay, lets the attacker act, asks whether it still works. */
async function cutsVictim(
  scene: Scene,
  act: (scene: Scene, recordedHello: Buffer) => Promise<void>,
): Promise<boolean> {
  const { t, target, victim } = scene;
  const relay = await startRelay(t, target.port);
  const identity = pskIdentityOf(victim.bTid);
  const layer = await openRawLayer(relay.port, { psks: [{ identity, key: victim.key }] });
  t.is(await layer?.read(), pushTo(identity));
  await act(scene, relay.sent.toServer[0] ?? Buffer.alloc(0));
  target.push(victim);
  const push = await layer?.read();
  layer?.close();
  return push === undefined;
}

/** The base64 digit whose unused bits differ. */
function nextOf([digit = '']: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return digits[digits.indexOf(digit) + 1] ?? '';
}
