/** A UE without a layer is called by wakes, over real sockets: who comes, who does not, and what it costs. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openWire } from '../../src/cli/demo-wire.ts';
import type { TriggerAddress } from '../../src/codec/address.ts';
import { isWake } from '../../src/codec/wake.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import type { PushServerOptions } from '../../src/naf/push-server.ts';
import { createTriggerSender } from '../../src/net/upa-sender.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openSaFile } from '../../src/store/sa-file.ts';
import type { UeListenerOptions } from '../../src/ue/listener.ts';
import { temporaryFolder } from '../support/command.ts';
import { impi, openLadder, openNaf, openUe } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

const storeKey = new Uint8Array(32).fill(1);

/** The UDP port that the UE keeps over restarts. */
async function freeTrigger(): Promise<TriggerAddress> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return { transport: 'udp', host: '127.0.0.1', port };
}

/** Both ends with a store each, the NAF at another port each time; all that happens is noted. */
async function scene(t: ExecutionContext) {
  const sim = createSim(impi);
  const folders = { naf: temporaryFolder(t), ue: temporaryFolder(t) };
  const trigger = await freeTrigger();
  const sent: Uint8Array[] = [];
  const sender = createTriggerSender({ clock: systemClock, schedule: () => 200 });
  const naf = (more: Partial<PushServerOptions> = {}) =>
    openNaf(t, sim, {
      triggers: {
        ...sender,
        send(message, signal) {
          sent.push(message.envelope);
          return sender.send(message, signal);
        },
      },
      triggerAddress: () => trigger,
      saStore: openSaFile({ folder: folders.naf, storeKey }),
      ...more,
    });
  const ue = (more: Partial<UeListenerOptions> = {}) =>
    openUe(t, sim, () => undefined, {
      listen: trigger,
      saStore: openSaFile({ folder: folders.ue, storeKey }),
      ...more,
    });
  const failed: EventTable['gba:wake:failed'][] = [];
  const refused: string[] = [];
  let accepted = 0;
  t.teardown(subscribe('gba:wake:failed', (message) => failed.push(message)));
  t.teardown(subscribe('gba:trigger:refused', ({ code }) => refused.push(code)));
  t.teardown(subscribe('gba:wake:accepted', () => (accepted += 1)));
  return {
    ...{ sim, folders, trigger, naf, ue, sent, failed, refused },
    get accepted() {
      return accepted;
    },
  };
}

const text = (what: string): Buffer => Buffer.from(what);
const soon = { ttlSeconds: 20 };

test.serial(
  'a NAF that was started again at another port calls its UE, and neither BSF nor SIM is asked',
  async (t) => {
    const s = await scene(t);
    const ue = await s.ue();
    let naf = await s.naf();
    t.like(await naf.push(impi, text('one'), soon), { via: 'bootstrap' });
    await naf.close();
    naf = await s.naf();
    const receipt = await naf.push(impi, text('two'), soon);
    t.like(receipt, { state: 'acked', via: 'reconnect', ms: { bsf: 0 } });
    t.true(receipt.ms.trigger > 0 && receipt.ms.handshake > 0);
    t.true(receipt.ms.total >= receipt.ms.trigger + receipt.ms.handshake);
    t.like(await naf.push(impi, text('three'), soon), { via: 'reuse', ms: { trigger: 0 } });
    t.deepEqual([s.sim.hss.vectors.length, s.sim.usim.runs, s.accepted], [1, 1, 1]);
    t.deepEqual(s.failed, []);

    // Where the NAF is now outlives the UE, which needs no call to find it.
    const before = s.sent.length;
    await ue.close();
    await s.ue();
    t.like(await naf.push(impi, text('four'), soon), { state: 'acked', via: 'reconnect' });
    t.is(s.sim.usim.runs, 1);
    t.true(s.sent.slice(before).every(isWake));
  },
);

test.serial('a UE that pauses for long is called out of its pause', async (t) => {
  const s = await scene(t);
  // Its clock stands still, so no pause of its ends by itself.
  const clock = manualClock(Date.now());
  await s.ue({ clock });
  const wire = await openWire();
  t.teardown(() => wire.close());
  const naf = await s.naf({ advertise: wire.address });
  wire.leadTo(naf.address);
  t.like(await naf.push(impi, text('one'), soon), { via: 'bootstrap' });
  const parked = new Promise((resolve) => {
    t.teardown(subscribe('gba:sa:parked', resolve));
  });
  wire.cut();
  await parked;
  const receipt = await naf.push(impi, text('two'), soon);
  t.like(receipt, { state: 'acked', via: 'reconnect' });
  t.true(receipt.ms.trigger > 0);
  t.is(s.accepted, 1);
  t.is(s.sim.usim.runs, 1);
});

test.serial('a UE that believes in a dead layer ends it when it is called', async (t) => {
  const s = await scene(t);
  const [near, far]: [Socket[], Socket[]] = [[], []];
  const relay = createServer({ allowHalfOpen: true }, (device) => {
    const server = connect(naf.address);
    near.push(device);
    far.push(server);
    for (const socket of [device, server]) socket.on('error', () => undefined);
    device.on('data', (chunk: Buffer) => server.write(chunk));
    server.on('data', (chunk: Buffer) => device.write(chunk));
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => {
    for (const socket of [...near, ...far]) socket.destroy();
    relay.close();
  });
  const { port } = relay.address() as AddressInfo;
  await s.ue({ clock: manualClock(Date.now()) });
  const naf = await s.naf({ advertise: { host: '127.0.0.1', port } });
  t.like(await naf.push(impi, text('one'), soon), { via: 'bootstrap' });
  const ended = new Promise((resolve) => near[0]?.once('end', resolve));
  far[0]?.destroy();
  t.like(await naf.push(impi, text('two'), soon), { state: 'acked', via: 'reconnect' });
  await ended;
  t.is(near.length, 2);
  t.deepEqual([s.accepted, s.sim.usim.runs], [1, 1]);
});

test.serial(
  'a UE that lost its state heeds no wake: a new key follows, and why is told',
  async (t) => {
    const s = await scene(t);
    const ue = await s.ue();
    const naf = await s.naf({ patience: { reconnectMs: 900 } });
    t.like(await naf.push(impi, text('one'), soon), { via: 'bootstrap' });
    await ue.close();
    await s.ue({ saStore: openSaFile({ folder: temporaryFolder(t), storeKey }) });
    t.like(await naf.push(impi, text('two'), soon), { state: 'acked', via: 'bootstrap' });
    t.like(s.failed, [{ impi, wakes: 3 }]);
    const wakes = s.sent.filter(isWake);
    t.is(new Set(wakes.map(toHex)).size, 3);
    t.true(s.refused.length >= 3 && s.refused.every((code) => code === 'ERR_SA_UNKNOWN'));
    t.is(s.accepted, 0);
    t.is(s.sim.usim.runs, 2, 'a wake costs no run of the SIM');
    t.like(await naf.push(impi, text('three'), soon), { via: 'reuse' });
  },
);

test.serial(
  'a dial that hangs is left alone, and when it fails the next one does not wait',
  async (t) => {
    const s = await scene(t);
    const held: Socket[] = [];
    const deaf = createServer((socket) => {
      socket.on('error', () => undefined);
      held.push(socket);
    });
    await s.ue({ clock: manualClock(Date.now()) });
    const first = await s.naf();
    const { port } = first.address;
    await first.push(impi, text('one'), soon);
    await first.close();
    deaf.listen(port, '127.0.0.1');
    await once(deaf, 'listening');
    t.teardown(() => {
      for (const socket of held) socket.destroy();
      deaf.close();
    });
    const dialled: string[] = [];
    t.teardown(subscribe('gba:dial:started', ({ to }) => dialled.push(to)));
    const second = await s.naf({ advertise: { host: '127.0.0.1', port } });
    void second.push(impi, text('to nowhere'), soon);
    await until(() => held.length === 1);
    await second.close();
    const naf = await s.naf();
    const receipt = naf.push(impi, text('two'), soon);
    await until(() => s.accepted >= 2);
    t.deepEqual(dialled, [`127.0.0.1:${port}`], 'one dial at a time');
    for (const socket of held) socket.destroy();
    t.like(await receipt, { state: 'acked', via: 'reconnect' });
    t.deepEqual(dialled.slice(1), [`127.0.0.1:${naf.address.port}`]);
    t.is(s.accepted, 2, 'without a third wake');
  },
);

test.serial('in every TLS version and suite both ends have the same K_wake', async (t) => {
  const bindings = [
    { version: '1.3' } as const,
    ...policy.suites12.map((suite) => ({ version: '1.2', suite }) as const),
  ];
  for (const binding of bindings) {
    const clock = manualClock(Date.now());
    const wire = await openWire();
    t.teardown(() => wire.close());
    const { naf, push, sim } = await openLadder(t, {
      ue: { clock, versions: ['1.2', '1.3'] },
      naf: { binding, advertise: wire.address },
    });
    wire.leadTo(naf.address);
    t.like(await push('one'), { via: 'bootstrap' });
    const parked = new Promise((resolve) => {
      t.teardown(subscribe('gba:sa:parked', resolve));
    });
    wire.cut();
    await parked;
    t.like(await push('two', soon), { state: 'acked', via: 'reconnect' }, JSON.stringify(binding));
    t.is(sim.usim.runs, 1);
  }
});

test.serial('a captured wake that is sent again makes nobody dial', async (t) => {
  const s = await scene(t);
  await s.ue();
  let naf = await s.naf();
  await naf.push(impi, text('one'), soon);
  await naf.close();
  naf = await s.naf();
  t.like(await naf.push(impi, text('two'), soon), { via: 'reconnect' });
  const captured = s.sent.filter(isWake);
  const before = s.refused.length;
  const dialled: string[] = [];
  t.teardown(subscribe('gba:dial:started', ({ to }) => dialled.push(to)));
  const attacker = createSocket('udp4');
  t.teardown(() => attacker.close());
  for (const wake of captured) attacker.send(wake, s.trigger.port, s.trigger.host);
  await until(() => s.refused.length >= before + captured.length);
  t.like(await naf.push(impi, text('three'), soon), { via: 'reuse' });
  t.deepEqual(dialled, []);
});

test.serial('K_wake is in no file of either end, and gone with its association', async (t) => {
  const s = await scene(t);
  await s.ue();
  const naf = await s.naf();
  await naf.push(impi, text('one'), soon);
  const [sa] = naf.associations(impi);
  if (sa?.wake === undefined) return t.fail('there is a K_wake');
  const { wake } = sa;
  const secrets = [wake.key, sa.key].map((key) => Buffer.from(key));
  const files = [s.folders.naf, s.folders.ue].map((folder) => join(folder, 'associations'));
  const sealed = files.map((file) => sealedBehind(sa.bTid, readFileSync(file)));
  for (const file of files) {
    const octets = readFileSync(file);
    for (const key of secrets) {
      const base64 = key.toString('base64').replace(/=+$/, '');
      for (const form of [key, key.toString('hex'), base64]) t.false(octets.includes(form));
    }
  }
  for (const folder of [s.folders.naf, s.folders.ue]) {
    const store = openSaFile({ folder, storeKey });
    t.like(store.recover(), [{ wake: { key: Uint8Array.from(wake.key), counter: 0 } }]);
    store.close();
  }
  const gone = new Promise((resolve) => {
    let closed = 0;
    t.teardown(
      subscribe('gba:sa:closed', () => ((closed += 1) === 2 ? resolve(closed) : undefined)),
    );
  });
  naf.revoke(impi);
  await gone;
  t.true(wake.key.every((octet) => octet === 0));
  for (const [i, file] of files.entries()) {
    const octets = readFileSync(file);
    t.false(octets.includes(sa.bTid) || octets.includes(sealed[i] ?? sa.bTid));
  }
});

/** Some of the octets that follow the name of an association in its slot: ciphertext. */
function sealedBehind(bTid: string, file: Buffer): Buffer {
  const at = file.indexOf(bTid) + bTid.length;
  return file.subarray(at, at + 64);
}
