/** The sender of every system that is written for Node: so many pushes in flight, to devices in turn, for so long. */
import { takeOrders, type Orders } from './orders.ts';
import { payloadOf } from './payloads.ts';
import { quantile } from './run.ts';

/** Hands one payload to the n-th device; `acked` is called when the sender knows that the device has it. */
export type PushTo = (device: number, payload: Buffer, acked: () => void) => void;

export interface Pumped {
  readonly count: number;
  /** From the first push until the last is acknowledged. */
  readonly seconds: number;
  /** From a push until it is acknowledged, us; of one push in flight only. */
  readonly p50: number;
  readonly p99: number;
}

/** The process of a sender: what it is told to push, and how it pushes one payload to all of so many devices. */
export function serveSender(
  pushTo: PushTo,
  more: Orders = {},
  pushToAll: (ues: number, payload: Buffer, acked: () => void) => void = (ues, payload, acked) => {
    for (let n = 0; n < ues; n += 1) pushTo(n, payload, acked);
  },
): void {
  takeOrders({
    push: (...job) => pump(pushTo, job as [number, number, number, number]),
    broadcast: (ues = 0) =>
      new Promise((resolve) => {
        const startedAt = performance.now();
        let acked = 0;
        pushToAll(ues, payloadOf(0), () => {
          acked += 1;
          if (acked === ues) resolve({ ms: performance.now() - startedAt });
        });
      }),
    collect: () => {
      for (let i = 0; i < 4; i += 1) globalThis.gc?.();
    },
    ...more,
  });
}

/** Keeps `window` in flight in all until the time is over or `atMost` are sent; then waits for those that are out. */
function pump(
  pushTo: PushTo,
  [ues, window, ms, atMost]: readonly [number, number, number, number],
): Promise<Pumped> {
  return new Promise((resolve) => {
    const times: number[] = [];
    const startedAt = performance.now();
    let now = startedAt;
    let sentAt = startedAt;
    let sent = 0;
    let acked = 0;
    const next = (): void => {
      pushTo(sent % ues, payloadOf(sent++), onAcked);
    };
    const onAcked = (): void => {
      acked += 1;
      // The time is looked up seldom where pushes are many.
      if (window === 1 || acked % 32 === 0) now = performance.now();
      if (window === 1) {
        times.push((now - sentAt) * 1_000);
        sentAt = now;
      }
      if (sent < atMost && now - startedAt < ms) next();
      else if (acked === sent) {
        times.sort((a, b) => a - b);
        const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
        resolve({ count: acked, seconds: (performance.now() - startedAt) / 1_000, p50, p99 });
      }
    };
    for (let i = 0; i < window; i += 1) next();
  });
}
