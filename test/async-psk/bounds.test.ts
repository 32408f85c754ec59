/** What strangers can make the gate hold: octets, connections, lookups and time, each with its end. */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { HeldStream } from '../../src/async-psk/held-stream.ts';
import { KeySearch, type SearchRules } from '../../src/async-psk/key-search.ts';
import { createSlots } from '../../src/async-psk/slots.ts';
import { EqualWaits } from '../../src/lib/equal-waits.ts';
import type { FoundKey, PskLookup } from '../../src/async-psk/index.ts';
import { ChannelError, GbaError } from '../../src/errors.ts';
import { concat, toHex, uintBytes } from '../../src/lib/bytes.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/tls.ts';
import { RECORD, rawHello, recordsOf } from '../support/tls-records.ts';
import {
  alertOn,
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
} from './gated.ts';

const HANDSHAKE_FAILURE = [2, 40];
/** What a client hears for whom there is no place: handshake_failure; bad_record_mac of TLS itself. */
const BUSY = { '1.3': 40, '1.2': 20 } as const;
const never = (): Promise<FoundKey> => new Promise(() => undefined);

test('a hello that grows beyond its limit is refused, whole or not', async (t) => {
  const clock = manualClock();
  const gated = await startGated(t, { clock, maxHelloOctets: 600 });
  const manyRecords = concat(...Array<Uint8Array>(101).fill(Uint8Array.of(22, 3, 1, 0, 1, 1)));
  const endless = concat(Uint8Array.of(22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc), new Uint8Array(600));
  for (const octets of [manyRecords, endless]) {
    const raw = await openRaw(t, gated.port);
    raw.write(octets);
    t.deepEqual(await alertOn(raw), HANDSHAKE_FAILURE);
  }
  t.deepEqual(
    gated.refused.map(({ error }) => error.code),
    ['ERR_CHANNEL_POLICY', 'ERR_CHANNEL_POLICY'],
  );
  t.deepEqual([gated.gate.pending, clock.pending], [0, 0]);
});

test('who keeps sending while his key is looked up is refused', async (t) => {
  const gated = await startGated(t, { lookup: never, clock: manualClock() });
  const raw = await openRaw(t, gated.port);
  raw.write(rawHello({ identities: [identity], key }));
  await until(() => gated.asked.length > 0);
  raw.write(new Uint8Array(4_096));
  t.deepEqual(await alertOn(raw), HANDSHAKE_FAILURE);
  t.true(gated.signals[0]?.aborted);
});

test('one deadline spans a slow hello and its lookup', async (t) => {
  const hello = rawHello({ identities: [identity], key });
  for (const sent of [0, 40, hello.length]) {
    const clock = manualClock();
    const gated = await startGated(t, { lookup: never, clock, timeoutMs: 2_000 });
    const raw = await openRaw(t, gated.port);
    await until(() => gated.gate.pending === 1);
    clock.advance(1_500);
    raw.write(hello.subarray(0, sent));
    if (sent === hello.length) await until(() => gated.asked.length === 1);
    clock.advance(499);
    t.is(gated.gate.pending, 1);
    clock.advance(1);
    t.deepEqual(await alertOn(raw), HANDSHAKE_FAILURE);
    t.is(gated.refused[0]?.error.code, 'ERR_CHANNEL_TIMEOUT');
    t.is(gated.signals[0]?.aborted, sent === hello.length ? true : undefined);
    t.deepEqual([gated.gate.pending, clock.pending], [0, 0]);
  }
});

test('a TLS 1.2 client that never names itself is refused at the same deadline', async (t) => {
  const clock = manualClock();
  const gated = await startGated(t, { clock, timeoutMs: 2_000 });
  const mute = new Duplex({ read: () => undefined, write: () => undefined });
  t.teardown(() => mute.destroy());
  gated.server.emit('connection', mute);
  openClient(t, gated.port, { version: '1.2' });
  await until(() => gated.secured.length === 1);
  t.is(gated.gate.pending, 1);
  const raw = await openRaw(t, gated.port);
  raw.write(tls12Hello());
  await once(raw, 'data');
  t.is(gated.gate.pending, 2);
  clock.advance(2_000);
  t.deepEqual(await alertOn(raw), HANDSHAKE_FAILURE);
  t.is(gated.gate.pending, 0);
  await until(() => mute.destroyed || mute.writableEnded);
});

test('of too many silent connections the oldest makes room', async (t) => {
  const gated = await startGated(t, { clock: manualClock(), limits: { hellos: 2 } });
  const [first, second] = [await openRaw(t, gated.port), await openRaw(t, gated.port)];
  await until(() => gated.gate.pending === 2);
  await dialGated(t, gated.port, { version: '1.3' });
  t.deepEqual(await alertOn(first), HANDSHAKE_FAILURE);
  t.is(gated.gate.pending, 1);
  await dialGated(t, gated.port, { version: '1.2' });
  t.is(gated.gate.pending, 1);
  t.false(second.closed);
});

test('TLS 1.2 clients that said hello and no name make room as well', async (t) => {
  const gated = await startGated(t, { clock: manualClock(), limits: { hellos: 2 } });
  const mute = [await openRaw(t, gated.port), await openRaw(t, gated.port)];
  for (const raw of mute) {
    raw.write(tls12Hello());
    await once(raw, 'data');
  }
  t.is(gated.gate.pending, 2);
  await dialGated(t, gated.port, { version: '1.2' });
  t.is(gated.gate.pending, 1);
  t.is(gated.refused[0]?.error.code, 'ERR_CHANNEL_CLOSED');
});

test('places are counted in all and per source, and given back', (t) => {
  const slots = createSlots({ total: 3, perSource: 2 });
  t.deepEqual([slots.take('a'), slots.take('a'), slots.take('a')], [true, true, false]);
  t.deepEqual([slots.take('b'), slots.take('c')], [true, false]);
  slots.giveBack('a');
  t.is(slots.taken, 2);
  t.true(slots.take('a'));
  slots.giveBack('a');
  slots.giveBack('b');
  t.is(slots.taken, 1);
});

for (const version of both) {
  test(`TLS ${version}: too many lookups of one source are refused, and end leaves room`, async (t) => {
    const gated = await startGated(t, {
      lookup: (_request, signal) => (signal.aborted ? Promise.reject(new Error()) : never()),
      clock: manualClock(),
      limits: { lookupsPerSource: 2 },
    });
    const clients = [0, 1].map(() => openClient(t, gated.port, { version }));
    await until(() => gated.asked.length === 2);
    t.is(await failureOf(openClient(t, gated.port, { version })), BUSY[version]);
    await until(() => gated.refused.length + gated.faults.length > 0);
    const fault = gated.refused[0]?.error ?? gated.faults[0];
    t.is(fault instanceof GbaError && fault.code, 'ERR_CHANNEL_CLOSED');
    clients[0]?.destroy();
    await until(() => gated.gate.pending === 1);
    openClient(t, gated.port, { version });
    await until(() => gated.asked.length === 4);
    t.false(gated.signals[3]?.aborted);
  });

  test(`TLS ${version}: with all places taken, an unknown name and a wrong key still look alike`, async (t) => {
    const lookup: PskLookup = (request) => keyOf(request) ?? never();
    const gated = await startGated(t, { lookup, clock: manualClock(), limits: { lookups: 0 } });
    for (const named of [identity, 'nobody']) {
      const client = openClient(t, gated.port, { version, named, psk: randomBytes(32) });
      t.is(await failureOf(client), BUSY[version], named);
    }
    await dialGated(t, gated.port, { version });
    t.is(gated.asked.length, 3);
  });
}

test('a key that its owner wipes during the handshake opens no layer to whoever knows that', async (t) => {
  const wiped = Uint8Array.from(key);
  const gated = await startGated(t, {
    maxIdentities: 2,
    lookup: ({ identity: named }) =>
      named === identity
        ? wiped
        : new Promise((resolve) => {
            setImmediate(() => {
              wiped.fill(0);
              resolve(null);
            });
          }),
    answerAfterMs: 50,
  });
  const zeros = new Uint8Array(32);
  const raw = await openRaw(t, gated.port);
  raw.write(rawHello({ identities: [identity, 'slow'], key: zeros }));
  const last = recordsOf([await heard(raw)]).at(-1);
  t.is(last?.type, RECORD.alert);
  t.true(wiped.every((octet) => octet === 0));
  t.deepEqual(gated.identities, []);
});

test('a ClientKeyExchange beyond the limit is refused, and what follows a whole one is not kept', async (t) => {
  const raw = new Duplex({
    read: () => undefined,
    write: (_c, _e, done) => {
      done();
    },
  });
  let oversize = 0;
  const exchanges: Uint8Array[] = [];
  const held = new HeldStream({
    ...{ raw, hello: new Uint8Array(1), limit: 100 },
    onKeyExchange: (_hello, exchange) => exchanges.push(exchange),
    onOversize: () => (oversize += 1),
    onOpen: () => undefined,
    onAlert: () => undefined,
    onRefused: () => undefined,
  });
  const exchange = Uint8Array.of(16, 0, 0, 3, 0, 1, 0x61);
  raw.push(Uint8Array.of(22, 3, 3, 1, 0, 16, 0, 0, 252));
  raw.push(new Uint8Array(92));
  await until(() => oversize === 1);
  t.deepEqual(exchanges, []);

  const other = new Duplex({
    read: () => undefined,
    write: (_c, _e, done) => {
      done();
    },
  });
  const holding = new HeldStream({
    ...{ raw: other, hello: new Uint8Array(1), limit: 100 },
    onKeyExchange: (_hello, octets) => exchanges.push(octets),
    onOversize: () => t.fail(),
    onOpen: () => undefined,
    onAlert: () => undefined,
    onRefused: () => undefined,
  });
  other.push(concat(Uint8Array.of(22, 3, 3), uintBytes(exchange.length, 2), exchange));
  await until(() => exchanges.length === 1);
  t.deepEqual(exchanges.map(toHex), [toHex(exchange)]);
  t.false(other.isPaused());
  other.push(new Uint8Array(101));
  await until(() => other.isPaused());
  held.destroy();
  holding.destroy();
});

test('who asks elsewhere hears once that nobody waits, and at once where there is no place', async (t) => {
  const clock = manualClock();
  const told: string[] = [];
  const granted: (string | undefined)[] = [];
  const heard: string[] = [];
  let turnedAway = 0;
  let find: (key: FoundKey) => void = () => undefined;
  const rules: SearchRules = {
    lookup: (_request, wait) => {
      try {
        wait.onOver(({ code }) => told.push(code));
      } catch (error) {
        heard.push(error instanceof GbaError ? error.message : '');
        throw error;
      }
      return new Promise((resolve) => (find = resolve));
    },
    clock,
    slots: createSlots({ total: 1, perSource: 1 }),
    waits: new EqualWaits<KeySearch>({
      clock,
      onDue: (search) => {
        search.grantDecoy();
      },
    }),
    answerAfterMs: 100,
    decoyOf: () => key,
  };
  const start = (): KeySearch => {
    const search = new KeySearch(
      rules,
      {
        ...{ version: '1.3', suite: undefined, serverName: undefined, holdsAnswer: false },
        remote: { host: '', port: 0 },
        candidates: [{ identity, proof: undefined }],
      },
      {
        granted: ({ fault }) => granted.push(fault?.code),
        turnedAway: () => (turnedAway += 1),
      },
    );
    search.start();
    return search;
  };

  const left = start();
  start();
  t.deepEqual([heard, turnedAway], [['too many lookups wait'], 1]);
  left.stop(new ChannelError('ERR_CHANNEL_CLOSED', 'the client left'));
  left.stop(new ChannelError('ERR_CHANNEL_CLOSED', 'again'));
  t.deepEqual(told.splice(0), ['ERR_CHANNEL_CLOSED']);

  start();
  clock.advance(100);
  t.deepEqual(told.splice(0), ['ERR_CHANNEL_TIMEOUT']);

  const answered = start();
  find(key);
  await until(() => granted.length === 2);
  answered.stop(new ChannelError('ERR_CHANNEL_CLOSED', 'later'));
  t.deepEqual([granted, told], [['ERR_CHANNEL_TIMEOUT', undefined], []]);
});

test('a promise that never settles holds nothing of a search that is over', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const promises: Promise<FoundKey>[] = [];
  const searched = (): WeakRef<object> => {
    const candidate = { identity, proof: undefined };
    const clock = manualClock();
    const search = new KeySearch(
      {
        lookup: () => {
          const promise = never();
          promises.push(promise);
          return promise;
        },
        clock,
        slots: createSlots({ total: 1, perSource: 1 }),
        waits: new EqualWaits<KeySearch>({ clock, onDue: () => undefined }),
        answerAfterMs: 1,
        decoyOf: () => key,
      },
      {
        ...{ version: '1.3', suite: undefined, serverName: undefined, holdsAnswer: false },
        remote: { host: '', port: 0 },
        candidates: [candidate],
      },
      { granted: () => undefined, turnedAway: () => undefined },
    );
    search.start();
    search.stop(new ChannelError('ERR_CHANNEL_CLOSED', 'over'));
    return new WeakRef(candidate);
  };
  const reference = searched();
  await until(() => {
    collect();
    return reference.deref() === undefined;
  });
  t.is(promises.length, 1);
});

test('mutated hellos leave nothing behind, give no key, and do not stop the server', async (t) => {
  const gated = await startGated(t, {
    lookup: remoteKeyOf,
    answerAfterMs: 2,
    timeoutMs: 40,
    limits: { lookupsPerSource: 300 },
  });
  const genuine = rawHello({ identities: [identity], key });
  const edit = fc.tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }));
  const edits = fc.sample(fc.array(edit, { minLength: 1, maxLength: 4 }), 300);
  const attempts = edits.map(async (places, i) => {
    const hostile = Buffer.from(genuine);
    for (const [at, flip] of places) hostile[at] = (hostile[at] ?? 0) ^ flip;
    const raw = await openRaw(t, gated.port);
    raw.resume();
    raw.write(i % 3 === 0 ? hostile.subarray(0, hostile.length - 1) : hostile);
    if (i % 5 === 0) raw.resetAndDestroy();
    else setTimeout(() => raw.destroy(), 50);
    await new Promise((resolve) => raw.once('close', resolve));
  });
  await Promise.all(attempts);
  await until(() => gated.gate.pending === 0);
  t.deepEqual(gated.identities, []);
  await dialGated(t, gated.port);
  await until(() => gated.identities.length > 0);
  t.deepEqual(gated.identities, [identity]);
});

test('a client that resets while its stream is handed over does not stop the server', async (t) => {
  const gated = await startGated(t, { lookup: remoteKeyOf, answerAfterMs: 20 });
  for (const version of both) {
    for (let i = 0; i < 6; i += 1) {
      const asked = gated.asked.length;
      const relay = createServer();
      relay.listen(0, '127.0.0.1');
      await once(relay, 'listening');
      const { port } = relay.address() as AddressInfo;
      const client = openClient(t, port, { version, psk: randomBytes(32) });
      const [inner] = (await once(relay, 'connection')) as [Duplex];
      const raw = await openRaw(t, gated.port);
      inner.on('error', () => undefined);
      inner.pipe(raw);
      raw.pipe(inner);
      await until(() => gated.asked.length > asked);
      if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      raw.resetAndDestroy();
      client.destroy();
      relay.close();
    }
  }
  await until(() => gated.gate.pending === 0);
  await dialGated(t, gated.port);
  await until(() => gated.identities.length > 0);
  t.deepEqual(gated.identities, [identity]);
});

/** A ClientHello of TLS 1.2 with PSK-AES128-GCM-SHA256 and nothing else, in its record. */
function tls12Hello(): Uint8Array {
  const body = concat(Uint8Array.of(3, 3), randomBytes(32), Uint8Array.of(0, 0, 2, 0, 0xa8, 1, 0));
  const message = concat(Uint8Array.of(1), uintBytes(body.length, 3), body);
  return concat(Uint8Array.of(22, 3, 1), uintBytes(message.length, 2), message);
}
