/** Mosquitto in bench/sides.ts, with what helps it: nothing on disk, no log, no limits, no delay of small segments. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { MqttDevicesOrder } from './mqtt-devices.ts';
import { MQTT_IDENTITY, MQTT_KEY } from './mqtt.ts';
import { startNode, startSilent } from '../lib/program.ts';
import type { Side } from './side.ts';
import { connectAll, type Stage } from './stage.ts';

/** What else there is says who may connect, and by what key. */
export const MOSQUITTO_SETTINGS = [
  'persistence false',
  'log_dest none',
  'connection_messages false',
  'sys_interval 0',
  'max_inflight_messages 0',
  'max_queued_messages 0',
  'set_tcp_nodelay true',
  'tls_version tlsv1.3',
  'ciphers_tls1.3 TLS_AES_128_GCM_SHA256',
];

export function mosquittoVersion(): string | undefined {
  try {
    const said = execFileSync('mosquitto', ['-h'], { encoding: 'utf8', stdio: 'pipe' });
    return /version ([\d.]+)/.exec(said)?.[1];
  } catch (error) {
    // It prints its help and exits with 3.
    const { stdout } = error as { stdout?: string };
    return /version ([\d.]+)/.exec(stdout ?? '')?.[1];
  }
}

/** @throws Error when it does not listen within 5 s. */
export async function stageMosquitto(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-mosquitto-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const port = await freePort();
  const keys = join(folder, 'psk');
  writeFileSync(keys, `${MQTT_IDENTITY}:${MQTT_KEY.toString('hex')}\n`, { mode: 0o600 });
  const config = join(folder, 'mosquitto.conf');
  const who = process.getuid?.() === 0 ? ['user root'] : [];
  const lines = [
    ...who,
    `listener ${port} 127.0.0.1`,
    'psk_hint bench',
    `psk_file ${keys}`,
    'allow_anonymous true',
    ...MOSQUITTO_SETTINGS,
    '',
  ];
  writeFileSync(config, lines.join('\n'), { mode: 0o600 });
  const server = startSilent('mosquitto', ['-c', config], 'server');
  await listening(port);
  const order: MqttDevicesOrder = { publishesAcks: true };
  const devices = await startNode('systems/mqtt-devices.ts', 'devices', order);
  const version = mosquittoVersion();
  return {
    name: 'Mosquitto',
    connected: 'TLS, CONNECT, SUBSCRIBE to two topics; one key for all',
    ...(version && { version }),
    ...{ port, server, devices },
    async close() {
      await devices.end();
      await server.end();
      remove();
    },
  };
}

export async function openMosquitto(ues: number): Promise<Side> {
  const stage = await stageMosquitto();
  await connectAll(stage, [0, ues, 16]);
  const sender = await startNode('systems/mqtt-sender.ts', 'devices');
  await sender.ask('dial', stage.port);
  return {
    ...stage,
    about:
      'the sender publishes with QoS 1, the device acknowledges and publishes to a topic (QoS 0) to which ' +
      'the sender subscribes; the broker alone is the server; the sender is a process on the CPU of the devices',
    sender,
    async close() {
      await sender.end();
      await stage.close();
    },
  };
}

/** Mosquitto does not take port 0. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function listening(port: number): Promise<void> {
  for (let left = 100; left > 0; left -= 1) {
    const socket = connect(port, '127.0.0.1');
    const up = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (up) return;
    await pause(50);
  }
  throw new Error('mosquitto does not listen');
}
