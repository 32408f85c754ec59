/** Devices that come back: each opens a layer under its association, says that it takes PUTs, and is silent then. */
import type { Socket } from 'node:net';
import { loadTlsPolicy, systemClock } from '../../src/index.ts';
import { registration } from '../../src/codec/push.ts';
import { Channel } from '../../src/net/channel.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { announce } from '../../src/sa/association.ts';
import { serveDevices } from './devices.ts';
import { recordOf } from '../lib/run.ts';

const policy = loadTlsPolicy();

async function open(port: number, n: number): Promise<Socket> {
  const { key, ...terms } = recordOf(n, 0);
  const sa = announce(terms, key);
  const { socket } = await dialPsk({ host: '127.0.0.1', port, sa, policy, clock: systemClock });
  const channel = new Channel({
    socket,
    owner: {
      onRequest(_request, respond) {
        respond({ code: 0x44 });
      },
    },
    settings: { clock: systemClock, maxMessageSize: 65_536, keepaliveMs: 3_600_000 },
  });
  await new Promise<void>((resolve) => {
    channel.request(registration(undefined), () => {
      resolve();
    });
  });
  return socket;
}

serveDevices(open);
