import { Writable } from 'node:stream';
import test from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { NO_OPTIONS } from '../../src/codec/coap-option.ts';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import { EMPTY, concat, toHex } from '../../src/lib/bytes.ts';
import { WriteBatch } from '../../src/net/write-batch.ts';

const message = (octets: number) => ({
  code: CODE.PUT,
  token: EMPTY,
  options: NO_OPTIONS,
  payload: new Uint8Array(octets).fill(octets),
});

function slowWritable(): { socket: Writable; chunks: Buffer[]; next: () => void } {
  const chunks: Buffer[] = [];
  const callbacks: (() => void)[] = [];
  const socket = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(chunk);
      callbacks.push(callback);
    },
  });
  return { socket, chunks, next: () => callbacks.shift()?.() };
}

const NONE = { size: 0 };

const turn = (): Promise<void> => new Promise(setImmediate);

test('messages of one turn are one write, in order, whatever their sizes', async (t) => {
  const { socket, chunks } = slowWritable();
  const batch = new WriteBatch(socket, NONE, () => {});
  const messages = [3, 900, 5_000, 1, 20_000].map(message);
  for (const each of messages) batch.add(each);
  t.is(chunks.length, 0);
  await turn();
  t.is(chunks.length, 1);
  t.is(toHex(chunks[0] ?? EMPTY), toHex(concat(...messages.map(encodeMessage))));
});

test('a small batch waits some turns for what the answers to earlier requests set off', async (t) => {
  const { socket, chunks } = slowWritable();
  const requests = { size: 1 };
  const batch = new WriteBatch(socket, requests, () => {});
  const messages = [10, 20].map(message);
  for (const each of messages) {
    requests.size += 1;
    batch.add(each);
    await turn();
  }
  t.is(chunks.length, 0);
  for (let i = 0; i < 3; i++) await turn();
  t.deepEqual(chunks.map(toHex), [toHex(concat(...messages.map(encodeMessage)))]);
});

test('it waits no longer once those requests are answered, nor when a record is full', async (t) => {
  for (const octets of [10, 16_384]) {
    const { socket, chunks } = slowWritable();
    const requests = { size: 2 };
    const batch = new WriteBatch(socket, requests, () => {});
    batch.add(message(octets));
    if (octets === 10) requests.size = 1;
    await turn();
    t.is(chunks.length, 1, `${octets}`);
  }
});

test('a full batch does not wait for the end of the turn', (t) => {
  const { socket, chunks } = slowWritable();
  const batch = new WriteBatch(socket, NONE, () => {});
  batch.add(message(70_000));
  t.is(chunks.length, 1);
});

test('octets count as queued until the socket has taken them, then the owner is told', async (t) => {
  const { socket, next } = slowWritable();
  let told = 0;
  const batch = new WriteBatch(socket, NONE, () => told++);
  batch.add(message(100));
  const { queued } = batch;
  t.is(queued, encodeMessage(message(100)).length);
  await turn();
  t.is(batch.queued, queued);
  next();
  await turn();
  t.is(batch.queued, 0);
  t.is(told, 1);
});

test('a buffer that the socket holds is never written again', async (t) => {
  const { socket, chunks } = slowWritable();
  const batch = new WriteBatch(socket, NONE, () => {});
  batch.add(message(50));
  await turn();
  const before = toHex(chunks[0] ?? EMPTY);
  for (let i = 0; i < 50; i++) {
    batch.add(message(60));
    await turn();
  }
  t.is(toHex(chunks[0] ?? EMPTY), before);
});

test('what comes after the end of the socket is dropped without an error', async (t) => {
  const { socket, next } = slowWritable();
  socket.on('error', (error) => t.fail(error.message));
  const batch = new WriteBatch(socket, NONE, () => {});
  batch.add(message(10));
  await turn();
  batch.add(message(10));
  socket.end();
  await turn();
  next();
  await turn();
  t.is(batch.queued, 0);
});
