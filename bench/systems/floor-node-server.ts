/** The server and sender of a floor in Node. */
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer } from 'node:tls';
import {
  ANSWER_OCTETS,
  FLOOR_KEY,
  FRAME_HEAD_OCTETS,
  TLS13,
  type FloorOrder,
} from './floor-node.ts';
import { about } from '../lib/orders.ts';
import { PAYLOAD_OCTETS } from '../lib/payloads.ts';
import { serveSender, type PushTo } from '../lib/pump.ts';

const FRAME_OCTETS = FRAME_HEAD_OCTETS + PAYLOAD_OCTETS;
const HEAD = Buffer.alloc(FRAME_HEAD_OCTETS, 'x');

/** One device. */
class Line {
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  #batch: Buffer[] = [];
  #octets = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#octets += chunk.length;
      for (; this.#octets >= ANSWER_OCTETS; this.#octets -= ANSWER_OCTETS)
        this.#waiting.shift()?.();
    });
  }

  push(payload: Buffer, acked: () => void): void {
    this.#waiting.push(acked);
    if (this.#batch.push(payload) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const octets = Buffer.allocUnsafe(this.#batch.length * FRAME_OCTETS);
    let at = 0;
    for (const payload of this.#batch) {
      octets.set(HEAD, at);
      octets.set(payload, at + FRAME_HEAD_OCTETS);
      at += FRAME_OCTETS;
    }
    this.#batch = [];
    this.#socket.write(octets);
  };
}

const lines: Line[] = [];
const { tls } = about<FloorOrder>();
const server = tls ? createServer({ ...TLS13, pskCallback: () => FLOOR_KEY }) : createTcpServer();
// A device says its number first.
server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
  socket.once('data', (number: Buffer) => {
    lines[number.readUInt32BE()] = new Line(socket);
  });
});

const pushTo: PushTo = (device, payload, acked) => {
  lines[device]?.push(payload, acked);
};

serveSender(pushTo, {
  listen: async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port };
  },
  connected: async (ues = 0) => {
    while (Object.keys(lines).length < ues) await pause(5);
  },
});
