/**
 * Relays for TCP and UDP that hold everything for the same time, keep its order, and count what passes:
 * octets of TCP payload and of datagrams, and flights, which are changes of who speaks. Over TCP the near
 * end's first octets wait for the SYN-ACK that they would have waited for, and the far end sees a
 * connection when the ACK of it would have come, so that set-up costs its round trip.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Endpoint } from '../../src/index.ts';

/** `up` is from who dials over TCP; for triggers it is what comes back. */
export type Direction = 'up' | 'down';

/** What passed since the last time that it was asked for. */
export interface Passed {
  readonly connections: number;
  readonly octets: Readonly<Record<Direction, number>>;
  /** Who spoke, once per flight, without the set-up of TCP. */
  readonly flights: readonly Direction[];
}

export interface Relay {
  readonly address: Endpoint;
  leadTo(far: Endpoint): void;
  /** One way, ms, for what comes from now on. */
  delayBy(ms: number): void;
  passed(): Passed;
  /** How much longer than asked things were held, ms. */
  lateness(): { readonly mean: number; readonly max: number };
  close(): Promise<void>;
}

export async function openTcpRelay(): Promise<Relay> {
  const meter = new Meter();
  const sockets = new Set<Socket>();
  let far: Endpoint | undefined;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    if (far === undefined) return void near.destroy();
    const { host, port } = far;
    const openedAt = performance.now();
    meter.connections += 1;
    const [up, down] = [new Hold(meter), new Hold(meter)];
    let other: Socket | undefined;
    sockets.add(near);
    up.put(openedAt + 3 * meter.delayMs, () => {
      if (near.destroyed) return;
      const opened = connect({ host, port, allowHalfOpen: true, noDelay: true });
      other = opened;
      sockets.add(opened);
      opened.on('data', (chunk) => {
        meter.note('down', chunk.length);
        down.put(performance.now() + meter.delayMs, () => near.write(chunk));
      });
      opened.on('end', () => {
        down.put(performance.now() + meter.delayMs, () => near.end());
      });
      endTogether(opened, near);
    });
    near.on('data', (chunk) => {
      meter.note('up', chunk.length);
      const sentAt = Math.max(performance.now(), openedAt + 2 * meter.delayMs);
      up.put(sentAt + meter.delayMs, () => other?.write(chunk));
    });
    near.on('end', () => {
      up.put(performance.now() + meter.delayMs, () => other?.end());
    });
    near.on('error', () => other?.destroy());
    near.on('close', () => sockets.delete(near));
  });
  const endTogether = (opened: Socket, near: Socket): void => {
    opened.on('error', () => near.destroy());
    opened.on('close', () => sockets.delete(opened));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...meter.face(),
    address: { host: '127.0.0.1', port },
    leadTo(endpoint) {
      far = endpoint;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Triggers go down; what the far end answers goes to whoever sent last. */
export async function openUdpRelay(): Promise<Relay> {
  const meter = new Meter();
  const [near, away] = [createSocket('udp4'), createSocket('udp4')];
  let far: Endpoint | undefined;
  let from: Endpoint | undefined;
  const [up, down] = [new Hold(meter), new Hold(meter)];
  near.on('message', (octets, { address, port }) => {
    from = { host: address, port };
    meter.note('down', octets.length);
    down.put(performance.now() + meter.delayMs, () => {
      if (far) away.send(octets, far.port, far.host);
    });
  });
  away.on('message', (octets) => {
    meter.note('up', octets.length);
    up.put(performance.now() + meter.delayMs, () => {
      if (from) near.send(octets, from.port, from.host);
    });
  });
  for (const socket of [near, away]) socket.bind(0, '127.0.0.1');
  await Promise.all([once(near, 'listening'), once(away, 'listening')]);
  return {
    ...meter.face(),
    address: { host: '127.0.0.1', port: near.address().port },
    leadTo(endpoint) {
      far = endpoint;
    },
    async close() {
      const closed = [once(near, 'close'), once(away, 'close')];
      near.close();
      away.close();
      await Promise.all(closed);
    },
  };
}

class Meter {
  delayMs = 0;
  connections = 0;
  #octets = { up: 0, down: 0 };
  #flights: Direction[] = [];
  #late = { count: 0, sum: 0, max: 0 };

  note(direction: Direction, octets: number): void {
    this.#octets[direction] += octets;
    if (this.#flights.at(-1) !== direction) this.#flights.push(direction);
  }

  late(ms: number): void {
    this.#late.count += 1;
    this.#late.sum += ms;
    this.#late.max = Math.max(this.#late.max, ms);
  }

  face(): Pick<Relay, 'delayBy' | 'passed' | 'lateness'> {
    return {
      delayBy: (ms) => {
        this.delayMs = ms;
      },
      passed: () => {
        const passed = {
          connections: this.connections,
          octets: this.#octets,
          flights: this.#flights,
        };
        this.connections = 0;
        this.#octets = { up: 0, down: 0 };
        this.#flights = [];
        return passed;
      },
      lateness: () => {
        const { count, sum, max } = this.#late;
        this.#late = { count: 0, sum: 0, max: 0 };
        return { mean: count === 0 ? 0 : sum / count, max };
      },
    };
  }
}

/** What is on its way in one direction, in order. */
class Hold {
  readonly #meter: Meter;
  readonly #held: { readonly at: number; readonly deliver: () => void }[] = [];

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  put(at: number, deliver: () => void): void {
    const after = this.#held.at(-1)?.at ?? 0;
    if (this.#held.length === 0 && at <= performance.now()) return void deliver();
    this.#held.push({ at: Math.max(at, after), deliver });
    if (this.#held.length === 1) this.#wait();
  }

  /** Timers of Node are a millisecond early or late: the rest is waited for awake. */
  #wait(): void {
    const leftMs = (this.#held[0]?.at ?? 0) - performance.now();
    if (leftMs > TIMER_MS) setTimeout(this.#look, leftMs - TIMER_MS);
    else setImmediate(this.#look);
  }

  readonly #look = (): void => {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const late = performance.now() - first.at;
      if (late < 0) return this.#wait();
      this.#meter.late(late);
      first.deliver();
      this.#held.shift();
    }
  };
}

const TIMER_MS = 1.5;
