/** aedes in bench/sides.ts, inside the process of the sender: the PUBACK of a device reaches it as an event. */
import { readFileSync } from 'node:fs';
import type { MqttDevicesOrder } from './_mqtt-devices.ts';
import { startNode } from './_program.ts';
import type { Side } from './_side.ts';

export async function openAedes(ues: number): Promise<Side> {
  const server = await startNode('_aedes-broker.ts', 'server');
  const { port } = await server.ask<{ port: number }>('listen');
  const order: MqttDevicesOrder = { publishesAcks: false };
  const devices = await startNode('_mqtt-devices.ts', 'devices', order);
  await devices.ask('dial', port, 0, ues, 16);
  return {
    name: 'aedes',
    about:
      'broker and sender are one process, which hears the PUBACK of the device by the event `ack`',
    version: aedesVersion(),
    programs: { server, devices },
    async close() {
      await devices.end();
      await server.end();
    },
  };
}

function aedesVersion(): string {
  const file = new URL('../node_modules/aedes/package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
