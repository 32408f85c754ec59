/** Just enough MQTT 3.1.1, lean: what a turn of the event loop writes leaves in one write, packets are read in place. */
import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';

export const MQTT_KEY = Buffer.from(
  '2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c',
  'hex',
);
export const MQTT_IDENTITY = 'device';

/** A packet that came: `from` to `to` are its octets after the fixed header. */
export type OnPacket = (header: number, octets: Buffer, from: number, to: number) => void;

export const CONNACK = 0x20;
export const PUBLISH = 0x30;
export const QOS1 = 0x02;
export const PUBACK = 0x40;
export const SUBACK = 0x90;

/** One connection over TLS 1.3 with a PSK. */
export class MqttConnection {
  readonly socket: TLSSocket;
  onPacket: OnPacket = () => undefined;
  #out = Buffer.allocUnsafe(FIRST_OUT);
  #outLength = 0;
  #rest: Buffer | undefined;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', fail);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
  }

  /** Octets to write into, at the returned offset of `out`; they leave at the end of this turn. */
  reserve(length: number): number {
    const at = this.#outLength;
    if (at === 0) setImmediate(this.#flush);
    if (at + length > this.#out.length) {
      const grown = Buffer.allocUnsafe(2 * (at + length));
      this.#out.copy(grown, 0, 0, at);
      this.#out = grown;
    }
    this.#outLength = at + length;
    return at;
  }

  /** Valid until the next `reserve`. */
  get out(): Buffer {
    return this.#out;
  }

  /** A whole packet. */
  send(packet: Uint8Array): void {
    const at = this.reserve(packet.length);
    this.#out.set(packet, at);
  }

  readonly #flush = (): void => {
    const batch = this.#out.subarray(0, this.#outLength);
    // The socket has it until it is written.
    this.#out = Buffer.allocUnsafe(Math.max(FIRST_OUT, this.#outLength));
    this.#outLength = 0;
    this.socket.write(batch);
  };

  #read(chunk: Buffer): void {
    const octets = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      let length = 0;
      let body = at + 1;
      for (let shift = 0; ; shift += 7) {
        const octet = octets[body++];
        if (octet === undefined) {
          this.#rest = octets.subarray(at);
          return;
        }
        length |= (octet & 0x7f) << shift;
        if (octet < 0x80) break;
      }
      if (body + length > octets.length) {
        this.#rest = octets.subarray(at);
        return;
      }
      this.onPacket(octets[at] ?? 0, octets, body, body + length);
      at = body + length;
      if (at === octets.length) {
        this.#rest = undefined;
        return;
      }
    }
  }
}

/** Resolves when the broker has taken it and, if it subscribes, will send it what comes to those topics. */
export async function dialMqtt(
  port: number,
  clientId: string,
  ...topics: readonly string[]
): Promise<MqttConnection> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
    pskCallback: () => ({ psk: MQTT_KEY, identity: MQTT_IDENTITY }),
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const connection = new MqttConnection(socket);
  const until = (header: number): Promise<void> =>
    new Promise((resolve) => {
      connection.onPacket = (got) => {
        if (got === header) resolve();
      };
    });
  const taken = until(CONNACK);
  connection.send(connectPacket(clientId));
  await taken;
  if (topics.length === 0) return connection;
  const subscribed = until(SUBACK);
  connection.send(subscribePacket(topics));
  await subscribed;
  return connection;
}

/** Writes a PUBLISH of QoS 1. */
export function publish1(to: MqttConnection, topic: Uint8Array, id: number, payload: Buffer): void {
  const length = 2 + topic.length + 2 + payload.length;
  // Two octets of length always suffice here.
  const at = to.reserve(3 + length);
  const { out } = to;
  out[at] = PUBLISH | QOS1;
  out[at + 1] = (length & 0x7f) | 0x80;
  out[at + 2] = length >> 7;
  out[at + 3] = topic.length >> 8;
  out[at + 4] = topic.length & 0xff;
  out.set(topic, at + 5);
  out[at + 5 + topic.length] = id >> 8;
  out[at + 6 + topic.length] = id & 0xff;
  out.set(payload, at + 7 + topic.length);
}

function connectPacket(clientId: string): Buffer {
  // Clean session, no keep-alive.
  const fixed = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0]);
  return packet(0x10, fixed, text(clientId));
}

function subscribePacket(topics: readonly string[]): Buffer {
  const each = topics.flatMap((topic) => [text(topic), Buffer.from([1])]);
  return packet(0x82, Buffer.from([0, 1]), ...each);
}

function packet(header: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length > 127) throw new RangeError('this packet needs a longer length');
  return Buffer.concat([Buffer.from([header, body.length]), body]);
}

/** A string of MQTT. */
function text(value: string): Buffer {
  const octets = Buffer.from(value);
  return Buffer.concat([Buffer.from([octets.length >> 8, octets.length & 0xff]), octets]);
}

/** A connection that ends ends the run. */
function fail(error: Error): never {
  throw error;
}

const FIRST_OUT = 4_096;
