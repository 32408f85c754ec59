/** The relay of the benchmarks: what it holds, for how long, in which order, and what it says has passed. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { openTcpRelay, openUdpRelay } from '../../bench/lib/relay.ts';

const HELD_MS = 15;

/** A server that answers each chunk by itself in capitals, behind a relay. */
async function echo(t: ExecutionContext, heldMs: number) {
  const acceptedAt: number[] = [];
  const server = createServer((socket) => {
    acceptedAt.push(performance.now());
    socket.on('data', (chunk) => socket.write(chunk.toString('latin1').toUpperCase()));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay = await openTcpRelay();
  relay.delayBy(heldMs);
  relay.leadTo({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  t.teardown(async () => {
    await relay.close();
    server.close();
  });
  return { relay, acceptedAt };
}

async function answered(socket: Socket, octets: number): Promise<string> {
  let text = '';
  while (text.length < octets) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
  }
  return text;
}

test('everything is held, in order, and set-up costs its round trip before the first octet', async (t) => {
  const { relay, acceptedAt } = await echo(t, HELD_MS);
  const startedAt = performance.now();
  const socket = connect(relay.address);
  for (const letter of 'abc') socket.write(letter);
  t.is(await answered(socket, 3), 'ABC');
  const firstAt = performance.now();
  t.true(acceptedAt[0] !== undefined && acceptedAt[0] - startedAt >= 3 * HELD_MS);
  t.true(firstAt - startedAt >= 4 * HELD_MS, `${firstAt - startedAt}`);
  socket.write('d');
  t.is(await answered(socket, 1), 'D');
  t.true(performance.now() - firstAt >= 2 * HELD_MS);
  t.true(relay.lateness().mean >= 0);
  const ended = once(socket, 'end');
  socket.end();
  await ended;
});

test('octets, connections and flights are counted since the last time', async (t) => {
  const { relay } = await echo(t, HELD_MS);
  const socket = connect(relay.address);
  socket.write('hello');
  await answered(socket, 5);
  socket.write('you');
  await answered(socket, 3);
  t.deepEqual(relay.passed(), {
    connections: 1,
    octets: { up: 8, down: 8 },
    flights: ['up', 'down', 'up', 'down'],
  });
  t.deepEqual(relay.passed(), { connections: 0, octets: { up: 0, down: 0 }, flights: [] });
  socket.destroy();
});

test('datagrams go down, and what the far end answers comes up, to who sent last', async (t) => {
  const [near, far] = [createSocket('udp4'), createSocket('udp4')];
  for (const socket of [near, far]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    t.teardown(() => socket.close());
  }
  const relay = await openUdpRelay();
  t.teardown(() => relay.close());
  relay.delayBy(HELD_MS);
  relay.leadTo({ host: '127.0.0.1', port: far.address().port });
  far.on('message', (octets, { port, address }) => {
    far.send(`${octets.toString()}!`, port, address);
  });
  const startedAt = performance.now();
  near.send('trigger', relay.address.port, relay.address.host);
  const [answer] = (await once(near, 'message')) as [Buffer];
  t.is(answer.toString(), 'trigger!');
  t.true(performance.now() - startedAt >= 2 * HELD_MS);
  t.like(relay.passed(), { octets: { down: 7, up: 8 }, flights: ['down', 'up'] });
});
