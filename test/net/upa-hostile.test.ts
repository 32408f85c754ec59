/** What strangers and dead hosts do to the carriers of Upa. */
import { spawn } from 'node:child_process';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { createTriggerSender } from '../../src/net/upa-sender.ts';
import { impi } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/tls.ts';

const envelope = Uint8Array.of(0x11, 1, 2, 3);

/** A port whose owner accepts nothing and whose queue is full, so that the next SYN is not answered. */
async function silentPort(t: ExecutionContext): Promise<number> {
  const script = `const server = require('node:net').createServer().listen(
    { port: 0, host: '127.0.0.1', backlog: 1 },
    () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
    },
  );`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(said.toString());
  // As many as it takes: the first that is left waiting stands before a full queue.
  for (let n = 0; n < 10; n += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    const isTaken = once(socket, 'connect').then(() => true);
    if (!(await Promise.race([isTaken, pause(500, false)]))) return port;
  }
  throw new Error('the queue took everybody');
}

/** How often nobody was reached there; other tests run beside this one. */
function unreachableAt(t: ExecutionContext, port: number): () => number {
  let times = 0;
  const stop = subscribe('gba:trigger:unreachable', ({ to }) => {
    if (to.endsWith(`:${port}`)) times += 1;
  });
  t.teardown(stop);
  return () => times;
}

test('over TCP a host that is silent is given up after five seconds, and holds up nobody', async (t) => {
  const clock = manualClock();
  const to = { transport: 'tcp', host: '127.0.0.1', port: await silentPort(t) } as const;
  const unreachable = unreachableAt(t, to.port);
  const sender = createTriggerSender({ clock, schedule: () => 1_000 });
  const stop = new AbortController();
  const sent = sender.send({ impi, envelope, to }, stop.signal);
  await until(() => clock.pending === 1);
  clock.advance(5_000);
  await until(() => unreachable() === 1);
  clock.advance(1_000);
  await until(() => clock.pending === 1);
  stop.abort();
  t.is(await sent, 2);
  await t.notThrowsAsync(sender.close());
});

test('over TCP a connection that ends before it is one is told, and the next is tried', async (t) => {
  const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const unreachable = unreachableAt(t, port);
  const sender = createTriggerSender({ clock: systemClock, schedule: () => 5 });
  const stop = new AbortController();
  const sent = sender.send(
    { impi, envelope, to: { transport: 'tcp', host: '127.0.0.1', port } },
    stop.signal,
  );
  await until(() => unreachable() >= 2);
  stop.abort();
  t.true((await sent) >= 2);
});
