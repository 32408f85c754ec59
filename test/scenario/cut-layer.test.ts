import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { openWire } from '../../src/cli/demo-wire.ts';
import type { Endpoint } from '../../src/codec/address.ts';
import { URGENCIES } from '../../src/codec/push.ts';
import { openHandledLog } from '../../src/store/handled-log.ts';
import { temporaryFolder } from '../support/command.ts';
import { impi, openLadder } from '../support/ladder.ts';
import { every12Binding, TLS13, until } from '../support/tls.ts';

/** Park and Miller's generator: the same moments in every run of one seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const PUSHES = 3_000;

/** Some come in blocks, and are cut in the middle. */
function lengthOf(i: number): number {
  return i % 50 === 49 ? 150_000 : 200;
}

for (const seed of [1, 2, 3]) {
  test.serial(
    `cut at random moments, every push has one outcome and order holds (seed ${seed})`,
    async (t) => {
      const random = randomOf(seed);
      const wire = await openWire();
      t.teardown(() => wire.close());
      const { naf, handled } = await openLadder(t, {
        naf: { advertise: wire.address },
        ue: { handledLog: openHandledLog(join(temporaryFolder(t), 'handled.log')) },
        handler: (push) => (push.seq % 16 === 0 ? sleep(0) : undefined),
      });
      wire.leadTo(naf.address);

      let settled = 0;
      const outcomes = Array.from({ length: PUSHES }, async (_, i) => {
        const urgency = URGENCIES[Math.floor(random() * 4)] ?? 'normal';
        if (i % 300 === 299) await sleep(i / 20);
        const receipt = await naf.push(impi, Buffer.alloc(lengthOf(i), i), { urgency });
        settled += 1;
        return receipt;
      });
      let cuts = 0;
      while (settled < PUSHES) {
        await sleep(random() * 60);
        if (settled === 0 || cuts >= 12) continue;
        cuts += 1;
        wire.cut();
      }
      const receipts = await Promise.all(outcomes);

      t.true(wire.connections >= 2, `${wire.connections} connections, ${cuts} cuts`);
      t.deepEqual([...new Set(receipts.map(({ state }) => state))], ['acked']);
      t.is(new Set(receipts.map(({ id }) => id)).size, PUSHES);
      t.is(handled.length, PUSHES, 'each was handled exactly once');
      t.is(new Set(handled.map(({ id }) => id)).size, PUSHES);
      const broken = handled.filter(({ payload }) => {
        const whole = payload.length === 200 || payload.length === 150_000;
        return !whole || payload.some((octet) => octet !== payload[0]);
      });
      t.deepEqual(broken, [], 'every payload is whole');
      t.is(handled.filter(({ payload }) => payload.length > 200).length, PUSHES / 50);
      for (const urgency of URGENCIES) {
        const order = handled.filter((push) => push.urgency === urgency).map(({ seq }) => seq);
        t.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
          urgency,
        );
      }
      t.true(receipts.some(({ via, attempts }) => via === 'reconnect' || attempts > 1));
    },
  );
}

test('a UE that comes back finds its pushes in order, though the NAF believes in the dead layer still', async (t) => {
  const relay = createServer({ allowHalfOpen: true });
  const { naf, push, handled } = await openLadder(t, {
    naf: { advertise: await listening(relay) },
  });
  const deaf = new Set<Socket>();
  const near: Socket[] = [];
  const far: Socket[] = [];
  relay.on('connection', (device) => {
    const server = connect(naf.address);
    near.push(device);
    far.push(server);
    for (const socket of [device, server]) socket.on('error', () => undefined);
    device.on('data', (chunk: Buffer) => server.write(chunk));
    server.on('data', (chunk: Buffer) => {
      if (!deaf.has(device)) device.write(chunk);
    });
  });
  t.teardown(() => {
    for (const socket of [...near, ...far]) socket.destroy();
    relay.close();
  });

  const before = await push('before');
  for (const device of near) deaf.add(device);
  const lost = Array.from({ length: 1_500 }, (_, i) => push(`lost ${i}`));
  near[0]?.resetAndDestroy();
  await until(() => far.length === 2);
  const late = Array.from({ length: 99 }, (_, i) => push(`late ${i}`));
  const receipts = [before, ...(await Promise.all([...lost, ...late]))];
  t.true(receipts.every(({ state }) => state === 'acked'));
  const order = handled.map(({ seq }) => seq);
  t.deepEqual(
    order,
    Array.from({ length: 1_600 }, (_, i) => i + 1),
  );
  t.is(naf.fullHandshakes, 2);
});

for (const binding of [TLS13, ...every12Binding]) {
  const name = binding.version === '1.3' ? 'TLS 1.3' : binding.suite;
  test(`an octet that is damaged on the way ends the layer at both ends, and costs no push (${name})`, async (t) => {
    const relay = createServer();
    const { naf, push, handled } = await openLadder(t, {
      naf: { binding, advertise: await listening(relay), keepaliveMs: 3_600_000 },
      ue: { versions: ['1.3', '1.2'], keepaliveMs: 3_600_000 },
    });
    let damages: 'device' | 'naf' | undefined;
    const connections: Socket[][] = [];
    relay.on('connection', (device) => {
      const server = connect(naf.address);
      connections.push([device, server]);
      for (const [from, to, name] of [
        [device, server, 'device'],
        [server, device, 'naf'],
      ] as const) {
        from.on('error', () => undefined).on('close', () => to.destroy());
        from.on('data', (chunk: Buffer) => {
          if (damages === name) chunk[chunk.length - 1] = (chunk.at(-1) ?? 0) ^ 1;
          if (damages === name) damages = undefined;
          to.write(chunk);
        });
      }
    });
    t.teardown(() => {
      for (const socket of connections.flat()) socket.destroy();
      relay.close();
    });

    await push('before');
    const receipts = [];
    for (const from of ['naf', 'device'] as const) {
      damages = from;
      receipts.push(await push(`damaged from the ${from}`));
    }
    t.deepEqual(
      receipts.map(({ state, attempts }) => [state, attempts]),
      Array(2).fill(['acked', 2]),
    );
    t.is(handled.length, 3);
    await until(() => connections.slice(0, 2).every((ends) => ends.every(({ closed }) => closed)));
    t.is(naf.fullHandshakes, 3);
  });
}

async function listening(server: Server): Promise<Endpoint> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
