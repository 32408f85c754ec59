/** The process of aedes: a broker behind Node's TLS with a PSK, and the sender. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';
import { MQTT_KEY } from './_mqtt.ts';
import { takeOrders } from './_orders.ts';
import { pump, type PushTo } from './_pump.ts';

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

const pushTo: PushTo = (device, payload, acked) => {
  const id = `device-${device}`;
  const own = waiting.get(id);
  if (own === undefined) waiting.set(id, [acked]);
  else own.push(acked);
  const packet = {
    cmd: 'publish',
    topic: `d/${device}`,
    payload,
    qos: 1,
    retain: false,
    dup: false,
  } as const;
  broker.publish(packet, (error) => {
    if (error) throw error;
  });
};

takeOrders({
  listen: async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port };
  },
  push: (...job) => pump(pushTo, job as [number, number, number, number]),
});
