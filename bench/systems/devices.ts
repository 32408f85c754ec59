/** The process of the devices of one system: connects them, tells what each got, and hangs up. */
import type { Socket } from 'node:net';
import { takeOrders, type Orders } from '../lib/orders.ts';
import { emptyTally, type Tally } from '../lib/payloads.ts';

/** Opens the n-th device; what it gets it tells to `tallyOf(n)`. */
export type OpenDevice = (port: number, n: number) => Promise<Socket>;

const tallies: Tally[] = [];
const sockets = new Set<Socket>();

export function tallyOf(n: number): Tally {
  return (tallies[n] ??= emptyTally());
}

/** `open` is absent where devices come by themselves. */
export function serveDevices(open?: OpenDevice, more: Orders = {}): void {
  takeOrders({
    dial: async (port = 0, from = 0, to = 0, atOnce = 1) => {
      let next = from;
      const dialOn = async (): Promise<void> => {
        while (next < to) {
          const n = next++;
          tallyOf(n);
          const socket = await open?.(port, n);
          if (socket) sockets.add(socket);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, dialOn));
    },
    hangUp: () => {
      for (const socket of sockets) socket.end();
      sockets.clear();
    },
    got: () => {
      const got = tallies.splice(0);
      for (const n of got.keys()) tallyOf(n);
      return { got };
    },
    ...more,
  });
}
