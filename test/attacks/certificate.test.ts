/** Attacks with a certificate, at either end: it shall stand in for the key. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { pskIdentityOf } from '../../src/ids.ts';
import { testWith } from '../support/peers.ts';
import { dial, makeSa } from '../support/tls.ts';
import { firstPush, testAttack, type Attack, type Scene } from './attack.ts';
import { dialNaive } from './naive.ts';
import { makeCertificate } from './openssl.ts';
import { openRawLayer, type RawHello } from './raw-client.ts';
import { smuggle } from './smuggle.ts';
import { isPush, pushTo } from './target.ts';

const test = testWith('openssl');
/** TLS_AES_256_GCM_SHA384 and TLS_AES_128_GCM_SHA256. */
const SUITES = [0x1302, 0x1301] as const;

const attacks: readonly Attack[] = [
  {
    title:
      'a hello with the victim’s name and a SHA-384 suite gets the victim’s pushes by the certificate',
    because:
      'OpenSSL drops a SHA-256 key under a SHA-384 suite, after the callback (RFC 8446 4.2.11)',
    certified: true,
    succeeds: async (scene) => {
      const { victim, own } = scene;
      const identity = pskIdentityOf(victim.bTid);
      const psks = [{ identity, key: own.key }];
      const hellos = SUITES.map((suite) => ({ suite, psks }));
      return (await pushesAfter(scene, hellos)).includes(pushTo(identity));
    },
  },
  {
    title: 'the victim’s name with a SHA-384 ticket passes for a key that was used',
    because:
      'a ticket is a reused session as an external key is (RFC 8446 2.2); the callback saw the name',
    certified: true,
    naive: { demandsReuse: true },
    succeeds: async (scene) => {
      const { target, victim, own } = scene;
      const identity = pskIdentityOf(victim.bTid);
      const hellos: RawHello[] = [];
      for (const suite of SUITES) {
        const anonymous = await openRawLayer(target.port, { suite, psks: [] });
        const ticket = await anonymous?.ticket();
        anonymous?.close();
        if (ticket === undefined) continue;
        // After a key that it dropped, OpenSSL 3.0 wants the binder of a ticket made as an external key's.
        for (const isTicket of [true, false]) {
          hellos.push({
            suite,
            psks: [
              { identity, key: own.key },
              { ...ticket, isTicket },
            ],
          });
        }
      }
      return (await pushesAfter(scene, hellos)).includes(pushTo(identity));
    },
  },
  {
    title: 'a hello without any key gets a push by the certificate',
    because: 'a listener with both takes either (RFC 8446 2.2)',
    certified: true,
    succeeds: async (scene) => {
      const hellos = SUITES.map((suite) => ({ suite, psks: [] }));
      return (await pushesAfter(scene, hellos)).some(isPush);
    },
  },
];

for (const attack of attacks) testAttack(test, attack);

const hostileNaf = 'a NAF with a trusted certificate and no key is taken for the genuine one';

test(`${hostileNaf}: a naive UE falls`, async (t) => {
  const { port, root } = await startCertified(t);
  const socket = await dialNaive(port, makeSa(), { ca: [root] });
  t.teardown(() => socket.destroy());
  t.true(socket.authorized);
});

test(`${hostileNaf}: ours holds, even if it trusts that root`, async (t) => {
  const { port, root } = await startCertified(t);
  const attempt = smuggle('connect', { ca: [root] }, () => dial(t, port, makeSa()));
  const error = await t.throwsAsync(attempt, { code: 'ERR_CHANNEL_CERTIFICATE' });
  t.regex(error.message, /showed a certificate$/);
});

async function pushesAfter(
  scene: Scene,
  hellos: readonly RawHello[],
): Promise<(string | undefined)[]> {
  const pushes: (string | undefined)[] = [];
  for (const hello of hellos) pushes.push(await firstPush(scene, hello));
  return pushes;
}

/** A hostile NAF: it has no key, but a certificate for the genuine name from a root that is trusted. */
async function startCertified(t: ExecutionContext): Promise<{ port: number; root: string }> {
  const certificate = makeCertificate(t);
  const server = createServer({ ...certificate, ALPNProtocols: ['coap'] });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, root: certificate.cert };
}
