/** The process of aedes: a broker behind Node's TLS with a PSK, and the sender. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';
import { MQTT_KEY } from './mqtt.ts';
import { serveSender, type PushTo } from '../lib/pump.ts';

const broker = await Aedes.createBroker({ heartbeatInterval: 3_600_000, queueLimit: 100_000 });
const server = createServer(
  {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
    pskCallback: () => MQTT_KEY,
  },
  (socket) => {
    socket.setNoDelay(true);
    broker.handle(socket);
  },
);
server.on('tlsClientError', (error) => {
  throw error;
});
/** By client, in order. */
const waiting = new Map<string, (() => void)[]>();
broker.on('ack', (_packet, { id }) => {
  const acked = waiting.get(id)?.shift();
  if (acked === undefined) throw new Error(`${id} acknowledged what it was not sent`);
  acked();
});

function expect(id: string, acked: () => void): void {
  const own = waiting.get(id);
  if (own === undefined) waiting.set(id, [acked]);
  else own.push(acked);
}

function publish(topic: string, payload: Buffer): void {
  const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const;
  broker.publish(packet, (error) => {
    if (error) throw error;
  });
}

const pushTo: PushTo = (device, payload, acked) => {
  expect(`device-${device}`, acked);
  publish(`d/${device}`, payload);
};
const orders = {
  listen: async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port };
  },
};
serveSender(pushTo, orders, (ues, payload, acked) => {
  for (let n = 0; n < ues; n += 1) expect(`device-${n}`, acked);
  publish('all', payload);
});
