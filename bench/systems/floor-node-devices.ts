/** The devices of a floor in Node: each counts and hashes its frames and answers them, in one write a chunk. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { serveDevices, tallyOf } from './devices.ts';
import {
  ANSWER_OCTETS,
  FLOOR_KEY,
  FRAME_HEAD_OCTETS,
  TLS13,
  type FloorOrder,
} from './floor-node.ts';
import { about } from '../lib/orders.ts';
import { PAYLOAD_OCTETS, tell } from '../lib/payloads.ts';

const FRAME_OCTETS = FRAME_HEAD_OCTETS + PAYLOAD_OCTETS;
const { tls } = about<FloorOrder>();

async function dial(port: number): Promise<Socket> {
  const host = '127.0.0.1';
  const socket = tls
    ? connect({
        ...{ ...TLS13, host, port },
        pskCallback: () => ({ psk: FLOOR_KEY, identity: 'floor' }),
        checkServerIdentity: () => undefined,
      })
    : connectTcp({ host, port });
  await once(socket, tls ? 'secureConnect' : 'connect');
  return socket;
}

async function open(port: number, n: number): Promise<Socket> {
  const socket = await dial(port);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  const number = Buffer.alloc(4);
  number.writeUInt32BE(n);
  socket.write(number);
  let rest: Buffer | undefined;
  socket.on('data', (chunk: Buffer) => {
    const octets = rest ? Buffer.concat([rest, chunk]) : chunk;
    const frames = Math.floor(octets.length / FRAME_OCTETS);
    const tally = tallyOf(n);
    for (let i = 0; i < frames; i += 1) tell(tally, octets, i * FRAME_OCTETS + FRAME_HEAD_OCTETS);
    const end = frames * FRAME_OCTETS;
    rest = end < octets.length ? octets.subarray(end) : undefined;
    if (frames > 0) socket.write(Buffer.alloc(frames * ANSWER_OCTETS));
  });
  return socket;
}

serveDevices(open);
