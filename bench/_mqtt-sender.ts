/** The sender beside a broker: publishes with QoS 1, and hears from every device on the topic `a`. */
import { takeOrders } from './_orders.ts';
import { pump, type PushTo } from './_pump.ts';
import { dialMqtt, publish1, PUBLISH, type MqttConnection } from './_mqtt.ts';

let broker: MqttConnection;
const topics: Buffer[] = [];
/** By device, in order: a broker keeps the order of a topic. */
const waiting: (() => void)[][] = [];
let lastId = 0;

const pushTo: PushTo = (device, payload, acked) => {
  (waiting[device] ??= []).push(acked);
  lastId = (lastId % 65_535) + 1;
  publish1(broker, (topics[device] ??= Buffer.from(`d/${device}`)), lastId, payload);
};

takeOrders({
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
  push: (...job) => pump(pushTo, job as [number, number, number, number]),
});
