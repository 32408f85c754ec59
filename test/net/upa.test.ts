import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe, type EventName, type EventTable } from '../../src/lib/events.ts';
import type { Endpoint } from '../../src/codec/address.ts';
import { listenTriggers } from '../../src/net/upa-listener.ts';
import { backoff, createTriggerSender } from '../../src/net/upa-sender.ts';
import type { TriggerListener } from '../../src/net/upa.ts';
import type { TriggerAddress } from '../../src/codec/address.ts';
import { impi } from '../support/ladder.ts';
import { until } from '../support/tls.ts';
import { manualClock } from '../support/manual-clock.ts';

const envelope = Uint8Array.of(0x11, 1, 2, 3);

/** A listener that collects; `arrived(n)` resolves with the first n datagrams. */
async function inbox(
  transport: TriggerAddress['transport'] = 'udp',
  host = '127.0.0.1',
  answer?: Uint8Array,
): Promise<{
  readonly listener: TriggerListener;
  readonly to: TriggerAddress;
  readonly froms: Endpoint[];
  readonly arrived: (count: number) => Promise<readonly Uint8Array[]>;
}> {
  const received: Uint8Array[] = [];
  const froms: Endpoint[] = [];
  let wake = (): void => undefined;
  const listener = await listenTriggers({
    at: { transport, host, port: 0 },
    clock: systemClock,
    onTrigger(octets, from, reply) {
      received.push(octets);
      froms.push(from);
      if (answer) reply(answer);
      wake();
    },
  });
  return {
    listener,
    to: listener.address,
    froms,
    async arrived(count) {
      while (received.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return received;
    },
  };
}

function nextEvent<N extends EventName>(
  name: N,
  wanted: (message: EventTable[N]) => boolean,
): Promise<EventTable[N]> {
  return new Promise((resolve) => {
    const stop = subscribe(name, (message) => {
      if (!wanted(message)) return;
      stop();
      resolve(message);
    });
  });
}

test('the same octets are sent again after each wait until the signal aborts', async (t) => {
  const clock = manualClock();
  const { listener, to, arrived } = await inbox();
  const sender = createTriggerSender({ clock, schedule: (attempt) => attempt * 100 });
  const stop = new AbortController();
  const sent = sender.send({ impi, envelope, to: to }, stop.signal);
  await arrived(1);
  t.is(clock.pending, 1);
  clock.advance(99);
  t.is(clock.pending, 1, 'not yet');
  clock.advance(1);
  await arrived(2);
  clock.advance(200);
  const all = await arrived(3);
  for (const octets of all) t.deepEqual(octets, envelope);
  stop.abort();
  t.is(await sent, 3);
  t.is(clock.pending, 0);
  await listener.close();
});

test('each sending is an event with its number', async (t) => {
  const { listener, to, arrived } = await inbox();
  const attempts: number[] = [];
  const stop = subscribe('gba:trigger:sent', (message) => {
    if (message.to === `udp://127.0.0.1:${to.port}`) attempts.push(message.attempt);
  });
  const sender = createTriggerSender({
    clock: systemClock,
    schedule: (attempt) => (attempt < 3 ? 1 : undefined),
  });
  t.is(await sender.send({ impi, envelope, to: to }, new AbortController().signal), 3);
  await arrived(3);
  stop();
  t.deepEqual(attempts, [1, 2, 3]);
  await listener.close();
});

test('a caller that changes its octets does not change what is sent again', async (t) => {
  const clock = manualClock();
  const { listener, to, arrived } = await inbox();
  const sender = createTriggerSender({ clock, schedule: () => 100 });
  const octets = Uint8Array.from(envelope);
  const sent = sender.send({ impi, envelope: octets, to: to }, new AbortController().signal);
  octets.fill(0);
  await arrived(1);
  clock.advance(100);
  t.deepEqual(await arrived(2), [envelope, envelope]);
  await sender.close();
  t.is(await sent, 2);
  await listener.close();
});

test('an aborted signal sends nothing', async (t) => {
  const sender = createTriggerSender({ clock: manualClock() });
  const to = { transport: 'udp', host: '127.0.0.1', port: 9 } as const;
  t.is(await sender.send({ impi, envelope, to: to }, AbortSignal.abort()), 0);
});

test('a UE that begins to listen later gets the next copy', async (t) => {
  const first = await inbox();
  await first.listener.close();
  const sender = createTriggerSender({ clock: systemClock, schedule: () => 5 });
  const stop = new AbortController();
  const unreachable = nextEvent('gba:trigger:unreachable', ({ to }) =>
    to.endsWith(`:${first.to.port}`),
  );
  const sent = sender.send({ impi, envelope, to: first.to }, stop.signal);
  await unreachable;
  const late = createSocket('udp4');
  late.bind(first.to.port, '127.0.0.1');
  const [octets] = (await once(late, 'message')) as [Uint8Array];
  t.deepEqual(Uint8Array.from(octets), envelope);
  stop.abort();
  await sent;
  late.close();
});

for (const transport of ['udp', 'tcp'] as const) {
  test(`IPv6 and host names are reached over ${transport}`, async (t) => {
    const v6 = await inbox(transport, '::1');
    const v4 = await inbox(transport);
    const sender = createTriggerSender({ clock: systemClock, schedule: () => 1 });
    const stop = new AbortController();
    const toName = { transport, host: 'localhost', port: v4.to.port } as const;
    const sent = [
      sender.send({ impi, envelope, to: v6.to }, stop.signal),
      sender.send({ impi, envelope, to: toName }, stop.signal),
    ];
    t.deepEqual((await v6.arrived(1))[0], envelope);
    t.deepEqual((await v4.arrived(1))[0], envelope);
    t.is(v6.froms[0]?.host, '::1');
    stop.abort();
    await Promise.all(sent);
    await v6.listener.close();
    await v4.listener.close();
  });

  test(`what the UE says comes back over ${transport}, from that address alone`, async (t) => {
    const answer = Uint8Array.of(0x13, 9);
    const { listener, to } = await inbox(transport, '127.0.0.1', answer);
    const sender = createTriggerSender({ clock: systemClock, schedule: () => 2_000 });
    const stop = new AbortController();
    const heard = await new Promise<Uint8Array>((resolve) => {
      void sender.send({ impi, envelope, to, onAnswer: resolve }, stop.signal);
    });
    t.deepEqual(heard, answer);
    stop.abort();
    await sender.close();
    await listener.close();
  });

  test(`where nothing listens over ${transport} is an event and no error`, async (t) => {
    const { listener, to } = await inbox(transport);
    await listener.close();
    const stop = new AbortController();
    const sender = createTriggerSender({ clock: systemClock, schedule: () => 5 });
    const unreachable = nextEvent('gba:trigger:unreachable', (message) =>
      message.to.endsWith(`:${to.port}`),
    );
    const sent = sender.send({ impi, envelope, to }, stop.signal);
    t.is((await unreachable).to, `${transport}://127.0.0.1:${to.port}`);
    stop.abort();
    t.true((await sent) >= 1);
  });

  test(`a port in use over ${transport} is an error that names it`, async (t) => {
    const { listener } = await inbox(transport);
    const at = listener.address;
    const error = await t.throwsAsync(
      listenTriggers({ at, clock: systemClock, onTrigger: () => undefined }),
    );
    t.like(error, { code: 'ERR_CONFIG_ADDRESS' });
    t.true(error?.message.includes(`${transport}://127.0.0.1:${at.port}`));
    await listener.close();
  });

  test(`closing twice does no harm over ${transport}`, async (t) => {
    const { listener } = await inbox(transport);
    await listener.close();
    await listener[Symbol.asyncDispose]();
    const again = await listenTriggers({
      at: listener.address,
      clock: systemClock,
      onTrigger: () => undefined,
    });
    t.deepEqual(again.address, listener.address);
    await again.close();
  });
}

test('without an address nothing is sent', async (t) => {
  const sender = createTriggerSender({ clock: manualClock() });
  t.is(await sender.send({ impi, envelope, to: undefined }, new AbortController().signal), 0);
});

test('an address that cannot be is refused', async (t) => {
  const sender = createTriggerSender({ clock: manualClock() });
  const { signal } = new AbortController();
  const unknown = { transport: 'udp', host: 'nowhere.invalid', port: 9 } as const;
  await t.throwsAsync(sender.send({ impi, envelope, to: unknown }, signal), {
    code: 'ERR_UPA_ADDRESS',
  });
  const port0 = { transport: 'udp', host: '127.0.0.1', port: 0 } as const;
  await t.throwsAsync(sender.send({ impi, envelope, to: port0 }, signal), {
    code: 'ERR_UPA_ADDRESS',
  });
});

test('the waits double from 0.3 s up to 8 s, each up to a quarter longer', (t) => {
  const shortest = backoff(() => 0);
  const longest = backoff(() => 1);
  const attempts = [1, 2, 3, 4, 5, 6, 7, 1_000];
  t.deepEqual(attempts.map(shortest), [300, 600, 1_200, 2_400, 4_800, 8_000, 8_000, 8_000]);
  t.deepEqual(
    attempts.map(longest),
    attempts.map((attempt) => (shortest(attempt) ?? 0) * 1.25),
  );
});

test('a datagram over 512 octets is dropped before anybody looks at it', async (t) => {
  const { listener, to, arrived } = await inbox();
  const refused = nextEvent('gba:trigger:refused', ({ reason }) => reason.includes('513'));
  const client = createSocket('udp4');
  client.send(new Uint8Array(513), to.port, to.host);
  t.is((await refused).code, 'ERR_UPA_MALFORMED');
  client.send(new Uint8Array(512), to.port, to.host);
  const received = await arrived(1);
  t.deepEqual(
    received.map(({ length }) => length),
    [512],
  );
  client.close();
  await listener.close();
});

test('over TCP an envelope is a connection that its sender ends, and nothing comes back for a second', async (t) => {
  const clock = manualClock();
  const received: Uint8Array[] = [];
  const listener = await listenTriggers({
    at: { transport: 'tcp', host: '127.0.0.1', port: 0 },
    clock,
    onTrigger(octets, _from, reply) {
      received.push(octets);
      reply(Uint8Array.of(7));
    },
  });
  const client = connect(listener.address.port, '127.0.0.1');
  const heard: Buffer[] = [];
  client.on('data', (chunk: Buffer) => heard.push(chunk));
  client.write(envelope.subarray(0, 2));
  await once(client, 'connect');
  client.end(envelope.subarray(2));
  await until(() => received.length === 1);
  t.deepEqual(received, [envelope]);
  clock.advance(999);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(heard, []);
  clock.advance(1);
  await once(client, 'close');
  t.deepEqual(Buffer.concat(heard), Buffer.of(7));
  t.is(clock.pending, 0);
  await listener.close();
});

test('over TCP a sender that never ends, sends nothing or too much, is cut off', async (t) => {
  const clock = manualClock();
  const received: Uint8Array[] = [];
  const listener = await listenTriggers({
    at: { transport: 'tcp', host: '127.0.0.1', port: 0 },
    clock,
    onTrigger: (octets) => received.push(octets),
  });
  const open = async (): Promise<Socket> => {
    const socket = connect(listener.address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const [slow, silent, long] = [await open(), await open(), await open()];
  const refused = nextEvent('gba:trigger:refused', ({ reason }) => reason.includes('600'));
  slow.write(envelope);
  silent.end();
  long.write(new Uint8Array(600));
  t.is((await refused).code, 'ERR_UPA_MALFORMED');
  clock.advance(5_000);
  for (const socket of [slow, silent, long]) {
    if (!socket.closed) await once(socket, 'close');
  }
  t.deepEqual(received, []);
  await listener.close();
});
