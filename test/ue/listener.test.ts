import { createSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import type { TriggerAddress } from '../../src/codec/address.ts';
import { CODE } from '../../src/codec/coap.ts';
import { pushRequest } from '../../src/codec/push.ts';
import { parseFqdn, pTidOf, type Fqdn } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe, type EventTable } from '../../src/lib/events.ts';
import { announceTo } from '../../src/naf/announcer.ts';
import type { Respond } from '../../src/net/channel-types.ts';
import type { Channel } from '../../src/net/channel.ts';
import { listenPsk } from '../../src/net/psk-server.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { openHandledLog } from '../../src/store/handled-log.ts';
import type { UeListener } from '../../src/ue/listener.ts';
import { ask, channelOver, rawPeer } from '../support/channel.ts';
import { temporaryFolder } from '../support/command.ts';
import { makeEntry } from '../support/entry.ts';
import { gate, impi, nafFqdn, openLadder, openNaf, openUe } from '../support/ladder.ts';
import type { Sim } from '../support/sim.ts';
import { createSim } from '../support/sim.ts';
import { policy, until } from '../support/tls.ts';

async function sendDatagram(octets: Uint8Array, { host, port }: TriggerAddress): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise((resolve) => {
    socket.send(octets, port, host, resolve);
  });
  socket.close();
}

/** An envelope for a NAF at a port where nobody listens, whose P-TID the caller chooses. */
async function envelopeOf({ hss }: Sim, naf: Fqdn, pTidOctet: number): Promise<Uint8Array> {
  const bsf = createBsf({ hss, clock: systemClock, policy: policy.keyLifetime });
  const pTid = pTidOf(new Uint8Array(12).fill(pTidOctet));
  const registry = new SaRegistry({ clock: systemClock });
  const { envelope } = await announceTo(impi, {
    bsf: { ...bsf, pushInfo: (request) => bsf.pushInfo({ ...request, pTid }) },
    registry,
    clock: systemClock,
    nafFqdn: naf,
    binding: { version: '1.3' },
    lifetimeSeconds: 60,
    connect: () => ({ host: '127.0.0.1', port: 9 }),
  });
  registry.closeAll('revoked');
  return envelope;
}

test.serial('a NAF that uses one P-TID twice is refused and nobody else is harmed', async (t) => {
  const { sim, ue, push } = await openLadder(t);
  const refused: EventTable['gba:trigger:refused'][] = [];
  t.teardown(subscribe('gba:trigger:refused', (message) => refused.push(message)));
  const hostile = parseFqdn('hostile.example.org');
  for (let n = 0; n < 2; n += 1) await sendDatagram(await envelopeOf(sim, hostile, 5), ue.address);
  await until(() => refused.length > 0);
  t.is(refused[0]?.code, 'ERR_SA_CONFLICT');
  t.like(await push('from the good one'), { state: 'acked' });
});

test.serial('a NAF that announces and never answers holds 16 associations at most', async (t) => {
  const triggerRate = { burst: 100, perSecond: 100, sources: 1 };
  const { sim, ue, push } = await openLadder(t, { ue: { triggerRate } });
  const superseded: string[] = [];
  t.teardown(
    subscribe('gba:sa:closed', ({ reason, bTid }) => {
      if (reason === 'superseded') superseded.push(bTid);
    }),
  );
  const silent = parseFqdn('silent.example.org');
  let accepted = 0;
  t.teardown(subscribe('gba:trigger:accepted', () => (accepted += 1)));
  for (let n = 0; n < 19; n += 1) {
    await sendDatagram(await envelopeOf(sim, silent, n), ue.address);
    await until(() => accepted === n + 1);
  }
  await until(() => superseded.length === 3);
  t.like(await push('from the good one'), { state: 'acked' });
});

test.serial(
  'twelve processes of one NAF push at the same time, and each has its answer',
  async (t) => {
    const sim = createSim(impi);
    const seen = new Set<string>();
    const ue = await openUe(
      t,
      sim,
      ({ payload }) => void seen.add(Buffer.from(payload).toString()),
    );
    const nafs = await Promise.all(
      Array.from({ length: 12 }, () => openNaf(t, sim, { triggerAddress: () => ue.address })),
    );
    const receipts = await Promise.all(
      nafs.map((naf, n) => naf.push(impi, Buffer.from(`${n}`), { ttlSeconds: 8 })),
    );
    t.deepEqual(
      receipts.map(({ state }) => state),
      nafs.map(() => 'acked'),
    );
    t.is(seen.size, 12);
  },
);

test.serial('a trigger that is judged while the UE closes leaves nothing behind', async (t) => {
  const sim = createSim(impi);
  const [asked, go] = [gate(), gate()];
  const usim = {
    impi,
    authenticate: async (rand: Uint8Array, autn: Uint8Array) => {
      asked.open();
      await go.passed;
      return sim.usim.authenticate(rand, autn);
    },
  };
  const ue = await openUe(t, sim, () => undefined, { usim });
  const dialled: string[] = [];
  const codes: string[] = [];
  t.teardown(subscribe('gba:dial:started', ({ to }) => dialled.push(to)));
  t.teardown(subscribe('gba:trigger:refused', ({ code }) => codes.push(code)));
  await sendDatagram(await envelopeOf(sim, nafFqdn, 1), ue.address);
  await asked.passed;
  await ue.close();
  go.open();
  await until(() => codes.length > 0);
  t.deepEqual(codes, ['ERR_SA_EXPIRED']);
  t.deepEqual(dialled, []);
  t.is(sim.usim.unwiped, 0);
});

test.serial(
  'two associations of one NAF that open at the same moment end with one, and pushes go on',
  async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const sim = createSim(impi);
      const seen: string[] = [];
      const ue = await openUe(
        t,
        sim,
        ({ payload }) => void seen.push(Buffer.from(payload).toString()),
      );
      const naf = await openNaf(t, sim, { triggerAddress: () => ue.address });
      const both = [await naf.announce(impi), await naf.announce(impi)];
      await Promise.all(both.map(({ envelope }) => sendDatagram(envelope, ue.address)));
      for (let n = 0; n < 5; n += 1) {
        t.like(await naf.push(impi, Buffer.from(`${n}`)), { state: 'acked' });
      }
      t.deepEqual(seen, ['0', '1', '2', '3', '4']);
      await Promise.all([naf.close(), ue.close()]);
    }
  },
);

test.serial(
  'a NAF is told of the address where triggers come in, but not of "any address"',
  async (t) => {
    const sim = createSim(impi);
    const sent: string[] = [];
    t.teardown(subscribe('gba:trigger:sent', ({ to }) => sent.push(to)));
    const ue = await openUe(t, sim, () => undefined, {
      listen: { transport: 'udp', host: '0.0.0.0', port: 0 },
    });
    const { port } = ue.address;
    const naf = await openNaf(t, sim, {
      triggerAddress: () => ({ transport: 'udp', host: '127.0.0.1', port }),
      patience: { reconnectMs: 1 },
    });
    t.like(await naf.push(impi, Buffer.from('one')), { via: 'bootstrap' });
    await ue.close();
    const again = await openUe(t, sim, () => undefined, {
      listen: { transport: 'udp', host: '127.0.0.1', port },
    });
    t.like(await naf.push(impi, Buffer.from('two')), { via: 'bootstrap' });
    t.true(
      sent.every((to) => to === `udp://127.0.0.1:${port}`),
      sent.join(),
    );
    t.is(again.address.port, port);
  },
);

test.serial('a UE with another address is found there after it has said so once', async (t) => {
  const sim = createSim(impi);
  const advertise = { transport: 'udp', host: '127.0.0.1', port: 9 } as const;
  const ue = await openUe(t, sim, () => undefined, { advertise });
  const naf = await openNaf(t, sim, {
    triggerAddress: () => ue.address,
    patience: { reconnectMs: 1 },
  });
  await naf.push(impi, Buffer.from('one'));
  const sent: string[] = [];
  t.teardown(subscribe('gba:trigger:sent', ({ to }) => sent.push(to)));
  await ue.close();
  void naf.push(impi, Buffer.from('two'));
  await until(() => sent.length > 0);
  t.is(sent[0], 'udp://127.0.0.1:9');
});

/** A NAF that lets layers open and does with them what `onLayer` does; `announce` sends a trigger. */
async function openHostileNaf(
  t: ExecutionContext,
  { hss }: Sim,
  ue: UeListener,
  onLayer: (socket: Socket) => void,
) {
  const registry = new SaRegistry({ clock: systemClock });
  const open = new Set<Socket>();
  const server = await listenPsk({
    host: '127.0.0.1',
    port: 0,
    policy,
    clock: systemClock,
    find: (identity) => registry.find(identity),
    onLayer: ({ socket }) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      onLayer(socket);
    },
  });
  t.teardown(async () => {
    registry.closeAll('revoked');
    for (const socket of open) socket.destroy();
    await server.close();
  });
  const announce = async (): Promise<void> => {
    const { envelope } = await announceTo(impi, {
      bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
      registry,
      clock: systemClock,
      nafFqdn,
      binding: { version: '1.3' },
      lifetimeSeconds: 60,
      connect: () => server.address,
    });
    await sendDatagram(envelope, ue.address);
  };
  return { announce, open };
}

/** Says its CSM and answers nothing. */
function silentPeer(socket: Socket): void {
  rawPeer(socket).say({ code: CODE.CSM });
}

test.serial(
  'a NAF that opens layers and answers no registration holds 4 of them, and none after close',
  async (t) => {
    const sim = createSim(impi);
    const ue = await openUe(t, sim, () => undefined);
    let layers = 0;
    const { announce, open } = await openHostileNaf(t, sim, ue, (socket) => {
      layers += 1;
      silentPeer(socket);
    });
    for (let n = 0; n < 7; n += 1) await announce();
    await until(() => open.size === 4);
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.is(layers, 4);
    await ue.close();
    await until(() => open.size === 0);
    t.is(layers, 4);
  },
);

test.serial('drain does not wait for a NAF that answers no registration', async (t) => {
  const sim = createSim(impi);
  const ue = await openUe(t, sim, () => undefined);
  const { announce, open } = await openHostileNaf(t, sim, ue, silentPeer);
  await announce();
  await until(() => open.size === 1);
  await ue.drain();
  await until(() => open.size === 0);
  t.pass();
});

test.serial('a NAF that ends each layer at once is dialled later and later', async (t) => {
  const sim = createSim(impi);
  const ue = await openUe(t, sim, () => undefined);
  let layers = 0;
  const { announce } = await openHostileNaf(t, sim, ue, (socket) => {
    layers += 1;
    socket.destroy();
  });
  await announce();
  await until(() => layers === 2);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.true(layers <= 6, `${layers} layers`);
});

test.serial('a layer that served and was cut soon is dialled again soon', async (t) => {
  const sim = createSim(impi);
  const ue = await openUe(t, sim, () => undefined);
  const registered: number[] = [];
  const { announce } = await openHostileNaf(t, sim, ue, (socket) => {
    channelOver(socket, {
      onRequest: (_request, respond) => {
        respond({ code: CODE.CHANGED });
        registered.push(performance.now());
        setTimeout(() => socket.destroy(), 20);
      },
    });
  });
  await announce();
  await until(() => registered.length === 2);
  const [first = 0, second = 0] = registered;
  t.true(second - first < 1_000, `${second - first} ms`);
});

test.serial('close and drain may be called again, in any order', async (t) => {
  const handledLog = openHandledLog(join(temporaryFolder(t), 'handled.log'));
  const { ue, push } = await openLadder(t, { ue: { handledLog } });
  await push('one');
  await Promise.all([ue.drain(), ue.drain()]);
  await ue.close();
  await ue.drain();
  await t.notThrowsAsync(ue[Symbol.asyncDispose]());
});

test.serial('drain answers the push at work and leaves the others to the next life', async (t) => {
  const slow = gate();
  const { naf, ue, push, handled, sim } = await openLadder(t, {
    handler: () => slow.passed,
    naf: { patience: { reconnectMs: 1 } },
  });
  const [first, second] = [push('one'), push('two')];
  await until(() => handled.length === 1);
  const drained = ue.drain();
  slow.open();
  t.like(await first, { state: 'acked', attempts: 1 });
  await drained;
  const seen: string[] = [];
  await openUe(t, sim, ({ payload }) => void seen.push(Buffer.from(payload).toString()), {
    listen: ue.address,
  });
  t.like(await second, { state: 'acked', via: 'bootstrap' });
  t.deepEqual(seen, ['two']);
  t.is(naf.fullHandshakes, 2);
});

test.serial(
  'an answer that comes after its association was replaced changes nothing',
  async (t) => {
    const sim = createSim(impi);
    const ue = await openUe(t, sim, () => undefined);
    const registry = new SaRegistry({ clock: systemClock });
    const held = new Map<string, { readonly channel: Channel; readonly respond: Respond }>();
    const server = await listenPsk({
      host: '127.0.0.1',
      port: 0,
      policy,
      clock: systemClock,
      find: (identity) => registry.find(identity),
      onLayer: ({ socket, sa }) => {
        const channel: Channel = channelOver(socket, {
          onRequest: (_request, respond) => held.set(sa.bTid, { channel, respond }),
        });
      },
    });
    t.teardown(async () => {
      registry.closeAll('revoked');
      await server.close();
    });
    const announceOne = async (): Promise<string> => {
      const { sa, envelope } = await announceTo(impi, {
        bsf: createBsf({ hss: sim.hss, clock: systemClock, policy: policy.keyLifetime }),
        registry,
        clock: systemClock,
        nafFqdn,
        binding: { version: '1.3' },
        lifetimeSeconds: 60,
        connect: () => server.address,
      });
      await sendDatagram(envelope, ue.address);
      await until(() => held.has(sa.bTid));
      return sa.bTid;
    };
    const first = await announceOne();
    const served = held.get(first);
    held.delete(first);
    served?.respond({ code: CODE.CHANGED });
    void served?.channel.close();
    await until(() => held.has(first));
    const bTids = [first, await announceOne()];
    const [older, newer] = bTids.map((bTid) => held.get(bTid));
    const closed: string[] = [];
    t.teardown(subscribe('gba:sa:closed', ({ bTid, reason }) => closed.push(`${bTid} ${reason}`)));
    newer?.respond({ code: CODE.CHANGED });
    await until(() => closed.length > 0);
    t.deepEqual(closed, [`${bTids[0] ?? ''} superseded`]);
    older?.respond({ code: CODE.CHANGED });
    await older?.channel.closed;
    const push = { ...pushRequest(makeEntry([], { seq: 1 }), 60), code: CODE.PUT };
    if (newer === undefined) throw new Error('the newer layer is there');
    t.like(await ask(newer.channel, push), { code: CODE.CREATED });
  },
);
