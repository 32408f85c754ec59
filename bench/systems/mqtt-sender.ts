/** The sender beside a broker: publishes with QoS 1, and hears from every device on the topic `a`. */
import { serveSender, type PushTo } from '../lib/pump.ts';
import { dialMqtt, publish1, PUBLISH, type MqttConnection } from './mqtt.ts';

let broker: MqttConnection;
const topics: Buffer[] = [];
/** By device, in order: a broker keeps the order of a topic. */
const waiting: (() => void)[][] = [];
let lastId = 0;
const ALL = Buffer.from('all');

function expect(device: number, acked: () => void): void {
  (waiting[device] ??= []).push(acked);
}

function nextId(): number {
  lastId = (lastId % 65_535) + 1;
  return lastId;
}

const pushTo: PushTo = (device, payload, acked) => {
  expect(device, acked);
  publish1(broker, (topics[device] ??= Buffer.from(`d/${device}`)), nextId(), payload);
};

/** One publish: the broker hands it to every device. */
function pushToAll(ues: number, payload: Buffer, acked: () => void): void {
  for (let n = 0; n < ues; n += 1) expect(n, acked);
  publish1(broker, ALL, nextId(), payload);
}

const orders = {
  dial: async (port = 0) => {
    broker = await dialMqtt(port, 'sender', 'a');
    broker.onPacket = (header, octets, _from, to) => {
      if ((header & 0xf0) !== PUBLISH) return;
      const device = ((octets[to - 2] ?? 0) << 8) | (octets[to - 1] ?? 0);
      const acked = waiting[device]?.shift();
      if (acked === undefined)
        throw new Error(`device ${device} acknowledged what it was not sent`);
      acked();
    };
  },
};
serveSender(pushTo, orders, pushToAll);
