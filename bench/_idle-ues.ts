/** The devices of `idle.ts`: each opens a layer, says that it takes PUTs, and is silent from then on. */
import { loadTlsPolicy, systemClock } from '../src/index.ts';
import { registration } from '../src/codec/push.ts';
import { Channel } from '../src/net/channel.ts';
import { dialPsk } from '../src/net/psk-client.ts';
import { announce } from '../src/sa/association.ts';
import { recordOf } from './_run.ts';

export interface DialOrder {
  readonly port: number;
  /** Numbers of associations, from one to before the other. */
  readonly from: number;
  readonly to: number;
  /** Layers that are being opened at once. */
  readonly atOnce: number;
  /** The far end is no NAF: nobody answers a registration there. */
  readonly bare: boolean;
}

const policy = loadTlsPolicy();
process.on('message', (order: DialOrder) => {
  void dialAll(order).then((ms) => process.send?.({ ms }));
});
process.once('disconnect', () => process.exit());

async function dialAll({ port, from, to, atOnce, bare }: DialOrder): Promise<number> {
  const startedAt = performance.now();
  let next = from;
  const dialOn = async (): Promise<void> => {
    while (next < to) await dial(port, next++, bare);
  };
  await Promise.all(Array.from({ length: atOnce }, dialOn));
  return performance.now() - startedAt;
}

async function dial(port: number, n: number, bare: boolean): Promise<void> {
  const { key, ...terms } = recordOf(n, 0);
  const sa = announce(terms, key);
  const { socket } = await dialPsk({ host: '127.0.0.1', port, sa, policy, clock: systemClock });
  if (bare) return;
  const channel = new Channel({
    socket,
    clock: systemClock,
    maxMessageSize: 65_536,
    keepaliveMs: 3_600_000,
    onRequest: (_request, respond) => {
      respond({ code: 0x44 });
    },
  });
  await new Promise<void>((resolve) => {
    channel.request(registration(undefined), () => {
      resolve();
    });
  });
}
