/** The devices of Mosquitto and aedes: each answers a push by its PUBACK and, where the broker keeps that to itself, by a publish. */
import type { Socket } from 'node:net';
import { serveDevices, tallyOf } from './devices.ts';
import { dialMqtt, PUBACK, PUBLISH, QOS1 } from './mqtt.ts';
import { about } from '../lib/orders.ts';
import { PAYLOAD_OCTETS, tell } from '../lib/payloads.ts';

export interface MqttDevicesOrder {
  /** The broker does not tell the sender of the device's PUBACK, so that the device publishes to `a`. */
  readonly publishesAcks: boolean;
}

const { publishesAcks } = about<MqttDevicesOrder>();

async function open(port: number, n: number): Promise<Socket> {
  const connection = await dialMqtt(port, `device-${n}`, `d/${n}`, 'all');
  connection.onPacket = (header, octets, from, to) => {
    if ((header & 0xf0) !== PUBLISH) return;
    if ((header & 0x06) !== QOS1) throw new Error('a push was not of QoS 1');
    tell(tallyOf(n), octets, to - PAYLOAD_OCTETS);
    const id = from + 2 + (((octets[from] ?? 0) << 8) | (octets[from + 1] ?? 0));
    const at = connection.reserve(publishesAcks ? 4 + 7 : 4);
    const { out } = connection;
    out[at] = PUBACK;
    out[at + 1] = 2;
    out[at + 2] = octets[id] ?? 0;
    out[at + 3] = octets[id + 1] ?? 0;
    if (!publishesAcks) return;
    // QoS 0, topic `a`, the number of the device.
    out.set([PUBLISH, 5, 0, 1, 0x61, n >> 8, n & 0xff], at + 4);
  };
  return connection.socket;
}

serveDevices(open);
