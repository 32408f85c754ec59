/** aedes in bench/sides.ts, inside the process of the sender: the PUBACK of a device reaches it as an event. */
import { readFileSync } from 'node:fs';
import type { MqttDevicesOrder } from './mqtt-devices.ts';
import { endAll, startNode } from '../lib/program.ts';
import type { Side } from './side.ts';
import { connectAll, type Stage } from './stage.ts';

export async function stageAedes(flags: readonly string[] = []): Promise<Stage> {
  const server = await startNode('systems/aedes-broker.ts', 'server', {}, flags);
  const { port } = await server.ask<{ port: number }>('listen');
  const order: MqttDevicesOrder = { publishesAcks: false };
  const devices = await startNode('systems/mqtt-devices.ts', 'devices', order);
  return {
    name: 'aedes',
    connected: 'TLS, CONNECT, SUBSCRIBE to two topics; one key for all',
    version: aedesVersion(),
    ...{ port, server, devices },
    close: () => endAll(devices, server),
  };
}

export async function openAedes(ues: number): Promise<Side> {
  const stage = await stageAedes();
  await connectAll(stage, [0, ues, 16]);
  const about =
    'broker and sender are one process, which hears the PUBACK of the device by the event `ack`';
  return { ...stage, about };
}

function aedesVersion(): string {
  const file = new URL('../../node_modules/aedes/package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
