/** Whoever does not get in hears so at one moment and in the same octets, whatever the reason. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { GbaError, type FoundKey, type PskLookup } from '../../src/async-psk/index.ts';
import { ChannelError, CodecError } from '../../src/errors.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/tls.ts';
import { rawHello } from '../support/tls-records.ts';
import {
  both,
  dialGated,
  failureOf,
  heard,
  identity,
  key,
  keyOf,
  openClient,
  openRaw,
  remoteKeyOf,
  startGated,
  wrongKeyAlert,
} from './gated.ts';

const another = randomBytes(32);
const never = (): Promise<FoundKey> => new Promise(() => undefined);

/** Why a client with this identity and `another` key does not get in, and what its operator hears. */
const failures: readonly (readonly [why: string, lookup: PskLookup, code: string])[] = [
  ['the identity is unknown', () => null, 'ERR_SA_UNKNOWN'],
  ['the identity is unknown elsewhere', () => Promise.resolve(undefined), 'ERR_SA_UNKNOWN'],
  ['the key is another', keyOf, 'ERR_CHANNEL_REFUSED'],
  ['the key elsewhere is another', remoteKeyOf, 'ERR_CHANNEL_REFUSED'],
  ['the lookup rejects', () => Promise.reject(new Error('no route')), 'ERR_SA_UNKNOWN'],
  ['the lookup throws', () => throwing(new Error('no route')), 'ERR_SA_UNKNOWN'],
  ['the lookup rejects with an error of ours', () => Promise.reject(ours), 'ERR_GPI_MAC'],
  ['the lookup never settles', never, 'ERR_CHANNEL_TIMEOUT'],
  ['the key is empty', () => new Uint8Array(0), 'ERR_SA_UNKNOWN'],
  ['the key is too long for OpenSSL', () => randomBytes(257), 'ERR_SA_UNKNOWN'],
  ['the key is no octets', () => 'secret' as unknown as FoundKey, 'ERR_SA_UNKNOWN'],
];
const ours = new CodecError('ERR_GPI_MAC', 'of the owner');

for (const version of both) {
  for (const [why, lookup, code] of failures) {
    test(`TLS ${version}: when ${why}, the client hears it at the time for all failures`, async (t) => {
      const clock = manualClock();
      const gated = await startGated(t, { lookup, clock, answerAfterMs: 700, timeoutMs: 3_000 });
      const client = openClient(t, gated.port, { version, psk: another });
      const failure = failureOf(client);
      let isOver = false;
      client.once('close', () => (isOver = true));
      await until(() => gated.asked.length > 0);
      for (let i = 0; i < 50; i += 1) await turn();
      clock.advance(699);
      for (let i = 0; i < 50; i += 1) await turn();
      t.false(isOver);
      clock.advance(1);
      t.is(await failure, await wrongKeyAlert(t, version));
      await until(() => gated.faults.length > 0);
      const [fault] = gated.faults;
      t.is(fault instanceof GbaError ? fault.code : fault, code);
      t.false(String(fault).includes('no route'));
      t.deepEqual([gated.secured.length, gated.gate.pending, clock.pending], [0, 0, 0]);
    });
  }
}

test('TLS 1.3: the octets of all failures are the same', async (t) => {
  const answers = new Set<string>();
  for (const [, lookup] of failures) {
    const clock = manualClock();
    const gated = await startGated(t, { lookup, clock });
    const raw = await openRaw(t, gated.port);
    raw.write(rawHello({ identities: [identity], key: another }));
    await until(() => gated.asked.length > 0);
    clock.advance(1_000);
    answers.add((await heard(raw)).toString('hex'));
  }
  const alert = Number(await wrongKeyAlert(t, '1.3')).toString(16);
  t.deepEqual([...answers], [`150303000202${alert}`]);
});

for (const [how, leave] of [
  ['a reset', (raw: Socket) => raw.resetAndDestroy()],
  ['a half-close', (raw: Socket) => raw.end()],
] as const) {
  test(`a lookup is aborted when its client leaves by ${how}`, async (t) => {
    const clock = manualClock();
    const gated = await startGated(t, { lookup: never, clock });
    const raw = await openRaw(t, gated.port);
    raw.write(rawHello({ identities: [identity], key }));
    await until(() => gated.asked.length > 0);
    leave(raw);
    await until(() => gated.signals[0]?.aborted === true);
    t.true(gated.signals[0]?.reason instanceof ChannelError);
    t.is(gated.refused[0]?.error.code, 'ERR_CHANNEL_CLOSED');
    t.deepEqual([gated.gate.pending, clock.pending], [0, 0]);
  });
}

test('a lookup is aborted when its TLS 1.2 client leaves', async (t) => {
  const clock = manualClock();
  const gated = await startGated(t, { lookup: never, clock });
  const client = openClient(t, gated.port, { version: '1.2' });
  await until(() => gated.asked.length > 0);
  client.destroy();
  await until(() => gated.signals[0]?.aborted === true);
  t.deepEqual([gated.gate.pending, clock.pending], [0, 0]);
});

test('a lookup is aborted at the time to answer, and what it gives later changes nothing', async (t) => {
  const clock = manualClock();
  let give: (key: FoundKey) => void = () => undefined;
  const lookup = (): Promise<FoundKey> => new Promise((resolve) => (give = resolve));
  const gated = await startGated(t, { lookup, clock });
  const failure = failureOf(openClient(t, gated.port, { version: '1.3' }));
  await until(() => gated.asked.length > 0);
  t.false(gated.signals[0]?.aborted);
  clock.advance(1_000);
  t.true(gated.signals[0]?.aborted);
  give(key);
  t.not(await failure, 'secured');
  t.deepEqual(gated.secured, []);
});

test('a client that leaves before it hears of its failure leaves nothing behind', async (t) => {
  const clock = manualClock();
  const gated = await startGated(t, { clock, limits: { lookups: 1 } });
  for (const round of [1, 2]) {
    const client = openClient(t, gated.port, { version: '1.2', psk: another });
    await until(() => gated.faults.length === round);
    t.is(clock.pending, 1);
    client.destroy();
    await until(() => clock.pending === 0);
  }
});

test('where there is no place to wait for its time, a failure is told at once', async (t) => {
  const gated = await startGated(t, { clock: manualClock(), limits: { lookups: 0 } });
  const failure = await failureOf(openClient(t, gated.port, { version: '1.2', psk: another }));
  t.is(failure, 20);
  const unknown = openClient(t, gated.port, { version: '1.3', psk: another });
  t.is(await failureOf(unknown), 40);
});

test('closing the gate refuses who waits and leaves open layers alone', async (t) => {
  const clock = manualClock();
  const lookup: PskLookup = (request) => keyOf(request) ?? never();
  const gated = await startGated(t, { lookup, clock });
  const layer = await dialGated(t, gated.port);
  const waiting = openClient(t, gated.port, { named: 'other' });
  const failure = failureOf(waiting);
  await until(() => gated.asked.length > 1);
  gated.gate.close();
  t.is(await failure, 40);
  t.true(gated.signals[1]?.aborted);
  await until(() => gated.secured.length > 0);
  const [server] = gated.secured;
  server?.write('still here');
  const [chunk] = (await once(layer, 'data')) as [Buffer];
  t.is(chunk.toString(), 'still here');
});

function throwing(error: Error): never {
  throw error;
}
