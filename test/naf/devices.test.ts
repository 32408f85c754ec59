import { duplexPair } from 'node:stream';
import type { Socket } from 'node:net';
import test from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { CODE } from '../../src/codec/coap.ts';
import { pathOptions, queryOption } from '../../src/codec/coap-option.ts';
import { Devices } from '../../src/naf/devices.ts';
import type { Receipt } from '../../src/naf/entry.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import { rawPeer } from '../support/channel.ts';
import { makeEntry } from '../support/entry.ts';
import { impi, nafFqdn } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createSim } from '../support/sim.ts';
import { policy } from '../support/tls.ts';

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('what is out when the key ends goes out again at once, although the UE does not close its side', async (t) => {
  const clock = manualClock();
  const sim = createSim(impi);
  const end = new AbortController();
  const triggered: unknown[] = [];
  const devices = new Devices({
    bsf: createBsf({ hss: sim.hss, clock, policy: policy.keyLifetime }),
    triggers: {
      send: (trigger) => {
        triggered.push(trigger);
        return new Promise(() => undefined);
      },
      close: () => Promise.resolve(),
    },
    policy,
    nafFqdn,
    clock,
    lifetimeSeconds: 60,
    renew: 'never',
    keepaliveMs: 120_000,
    address: () => ({ host: '127.0.0.1', port: 5684 }),
    ended: end.signal,
  });
  const { sa } = await devices.announce(impi);
  const [near, far] = duplexPair({ allowHalfOpen: true });
  const socket = Object.assign(near, { exportKeyingMaterial: () => Buffer.alloc(32) });
  const peer = rawPeer(far as unknown as Socket);
  devices.accept({
    socket: socket as unknown as SecuredSocket['socket'],
    sa,
    handshakeMs: 0,
    remote: '127.0.0.1:1',
    resumed: false,
  });
  const registration = [...pathOptions('.push'), queryOption('mode', 'put')];
  peer.say({ code: CODE.CSM }, { code: CODE.POST, options: registration });
  await settled();
  const receipts: Receipt[] = [];
  devices.of(impi).enqueue(makeEntry(receipts, { seq: 1, ttlMs: 600_000 }));
  await settled();
  t.true(peer.heard.some(({ code }) => code === CODE.PUT));
  clock.advance(59_999);
  await settled();
  t.true(
    peer.heard.some(({ code }) => code === CODE.RELEASE),
    'the UE was told, and takes no notice',
  );
  t.is(triggered.length, 0);
  clock.advance(1);
  await settled();
  t.is(triggered.length, 1);
  t.deepEqual(receipts, []);
  end.abort();
  devices.stop();
  devices.registry.closeAll('revoked');
});
