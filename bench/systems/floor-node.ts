/** The floors in Node: frames of a push's size over TCP, or TLS, counted and answered; nobody parses or records. */
import { endAll, startNode } from '../lib/program.ts';
import type { Side } from './side.ts';
import { connectAll, type Stage } from './stage.ts';

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

export async function stageNodeFloor(
  transport: 'TCP' | 'TLS',
  flags: readonly string[] = [],
): Promise<Stage> {
  const order: FloorOrder = { tls: transport === 'TLS' };
  const server = await startNode('systems/floor-node-server.ts', 'server', order, flags);
  const { port } = await server.ask<{ port: number }>('listen');
  const devices = await startNode('systems/floor-node-devices.ts', 'devices', order);
  return {
    name: `bare Node ${transport}`,
    connected: transport === 'TLS' ? 'TLS; one key for all' : 'TCP',
    ...{ port, server, devices },
    close: () => endAll(devices, server),
  };
}

export async function openNodeFloor(ues: number, transport: 'TCP' | 'TLS'): Promise<Side> {
  const stage = await stageNodeFloor(transport);
  await connectAll(stage, [0, ues, 16]);
  await stage.server.ask('connected', ues);
  const about = `fixed frames over Node's ${transport} sockets, one write a connection and turn; nobody parses or records`;
  return { ...stage, about };
}
