/** The floors in Node: frames of a push's size over TCP, or TLS, counted and answered; nobody parses or records. */
import { startNode } from './_program.ts';
import type { Side } from './_side.ts';

export interface FloorOrder {
  readonly tls: boolean;
}

/** As many octets as a real push: head, token, options; the payload follows. */
export const FRAME_HEAD_OCTETS = 49;
/** 2.01 and the token. */
export const ANSWER_OCTETS = 6;
export const FLOOR_KEY = Buffer.alloc(32, 7);
export const TLS13 = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  ecdhCurve: 'X25519',
} as const;

export async function openNodeFloor(ues: number, transport: 'TCP' | 'TLS'): Promise<Side> {
  const order: FloorOrder = { tls: transport === 'TLS' };
  const server = await startNode('_floor-node-server.ts', 'server', order);
  const { port } = await server.ask<{ port: number }>('listen');
  const devices = await startNode('_floor-node-devices.ts', 'devices', order);
  await devices.ask('dial', port, 0, ues, 16);
  await server.ask('connected', ues);
  return {
    name: `bare Node ${transport}`,
    about: `fixed frames over Node's ${transport} sockets, one write a connection and turn; no floor parses or records`,
    programs: { server, devices },
    async close() {
      await devices.end();
      await server.end();
    },
  };
}
