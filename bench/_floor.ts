/** The floor: fixed frames of a push's size over the same TLS, counted and answered, not parsed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';

export interface Floor {
  readonly push: (acked: () => void) => void;
  close(): Promise<void>;
}

export const FLOOR_KEY = Buffer.alloc(32, 7);
export const TLS13 = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
} as const;

/** `PUT`, 4-octet token, three options and 100 octets: as many octets as a real push. */
const FRAME = Buffer.alloc(149, 'x');
FRAME.set([0xd4, FRAME.length - 7 - 13, 0x03]);
/** 2.01 and the token. */
export const ANSWER = Buffer.from([0x04, 0x41, 0, 0, 0, 0]);

export async function openFloor(): Promise<Floor> {
  const server = createServer({ ...TLS13, pskCallback: () => FLOOR_KEY });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ue = fork(fileURLToPath(new URL('_floor-ue.ts', import.meta.url)), [
    String((server.address() as AddressInfo).port),
  ]);
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  socket.setNoDelay(true);
  const waiting: (() => void)[] = [];
  let first = 0;
  let queued = 0;
  let octets = 0;
  socket.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    for (; octets >= ANSWER.length; octets -= ANSWER.length) {
      waiting[first++]?.();
      if (first === 4_096) {
        waiting.splice(0, first);
        first = 0;
      }
    }
  });
  return {
    push: (acked) => {
      waiting.push(acked);
      if (queued++ > 0) return;
      process.nextTick(() => {
        const batch = Buffer.allocUnsafe(queued * FRAME.length);
        for (let i = 0; i < queued; i++) batch.set(FRAME, i * FRAME.length);
        queued = 0;
        socket.write(batch);
      });
    },
    async close() {
      socket.destroy();
      server.close();
      ue.kill();
      await once(ue, 'exit');
    },
  };
}

export const FRAME_OCTETS = FRAME.length;
