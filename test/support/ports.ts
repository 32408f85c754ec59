/** Ports of this machine. */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below those that a system gives to whoever asks for any, so that nobody gets it meanwhile. */
const [FIRST, END] = [20_000, 32_000];
const ATTEMPTS = 100;
const HOST = '127.0.0.1';

/** One that is free on 127.0.0.1, over TCP and over UDP, and may be bound again and again. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(FIRST, END);
    const isTcp = await isFree(createServer().listen(port, HOST));
    if (isTcp && (await isFree(createSocket('udp4').bind(port, HOST)))) return port;
  }
  throw new Error(`none of ${ATTEMPTS} ports from ${FIRST} to ${END} is free`);
}

async function isFree(listener: Server | Socket): Promise<boolean> {
  try {
    await once(listener, 'listening');
  } catch {
    return false;
  }
  listener.close();
  await once(listener, 'close');
  return true;
}
