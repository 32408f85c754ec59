/** The UE's dial understands what a TLS 1.3 server may do, and refuses in its own words what none may. */
import anyTest, { type ExecutionContext } from 'ava';
import { CODE } from '../../src/codec/coap.ts';
import { ChannelError } from '../../src/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Channel } from '../../src/net/channel.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import { channelOver } from '../support/channel.ts';
import { makeSa, policy } from '../support/tls.ts';
import { serve } from './tls13-server.ts';
import { TYPE, type Tls13Wire } from './tls13-wire.ts';
import { alerts, rightServers, wrongTalk } from './ue-tls13-talk.ts';
import { clear, wrongServers, type Code, type ServerChange } from './ue-tls13-wrong.ts';

const test = anyTest.serial;
const sa = makeSa();

interface Met {
  /** The layer, or why there is none. */
  readonly layer: SecuredSocket | ChannelError;
  readonly wire: Tls13Wire;
}

test('what a TLS 1.3 server may do leaves the UE a layer', async (t) => {
  for (const [name, change] of Object.entries(rightServers)) {
    const { channel, wire } = await openLayer(t, change);
    wire.say(TYPE.applicationData, Buffer.of(0, CODE.CSM));
    const ms = await Promise.race([channel.ping(), pong(wire)]);
    t.is(typeof ms, 'number', name);
  }
});

test('what no TLS 1.3 server may do opens no layer at the UE, and is told', async (t) => {
  for (const [name, [code, told, change]] of Object.entries(wrongServers)) {
    const { layer, wire } = await meet(t, change);
    if (!(layer instanceof ChannelError)) return t.fail(name);
    t.is(layer.code, `ERR_CHANNEL_${code}`, `${name}: ${layer.message}`);
    const heard = await wire.hear();
    const alert = heard.kind === 'alert' ? heard.alert : 'nothing';
    t.true([told].flat().includes(alert), `${name}: ${alert}`);
  }
});

test('each alert of a server has a meaning at the UE', async (t) => {
  const rows = (Object.keys(alerts) as Code[]).flatMap((code) =>
    alerts[code].map((alert) => [alert, code] as const),
  );
  for (const [alert, code] of rows) {
    const { layer } = await meet(t, { instead: clear(TYPE.alert, 2, alert) });
    if (!(layer instanceof ChannelError)) return t.fail(`${alert}`);
    t.is(layer.code, `ERR_CHANNEL_${code}`, `${alert}: ${layer.message}`);
    t.is(layer.retryable, code === 'CLOSED', `${alert}`);
  }
});

test('what must not be said over a TLS 1.3 layer ends it at the UE, and the connection', async (t) => {
  for (const [name, say] of Object.entries(wrongTalk)) {
    const { channel, wire } = await openLayer(t, {});
    wire.say(TYPE.applicationData, Buffer.of(0, CODE.CSM));
    await channel.ready;
    say(wire);
    while ((await wire.hear()).kind !== 'closed');
    const reason = name === 'close_notify' ? 'peer-closed' : 'lost';
    t.is((await channel.closed).reason, reason, name);
  }
});

async function meet(t: ExecutionContext, change: ServerChange): Promise<Met> {
  const { port, served } = await serve(t, { ...change, key: sa.key });
  const dialling = dialPsk({ host: '127.0.0.1', port, sa, policy, clock: systemClock });
  const layer = await dialling.catch((error: unknown) => {
    if (error instanceof ChannelError) return error;
    throw error;
  });
  if (!(layer instanceof ChannelError)) t.teardown(() => layer.socket.destroy());
  return { layer, wire: await served };
}

async function openLayer(
  t: ExecutionContext,
  change: ServerChange,
): Promise<{ readonly channel: Channel; readonly wire: Tls13Wire }> {
  const { layer, wire } = await meet(t, change);
  if (layer instanceof ChannelError) throw layer;
  const { socket } = layer;
  const onRequest = (): void => t.fail('nobody asked for anything');
  const channel = channelOver(socket, { onRequest });
  return { channel, wire };
}

/** Answers the Ping; never resolves unless the UE goes. */
async function pong(wire: Tls13Wire): Promise<string> {
  let heard = Buffer.alloc(0);
  for (;;) {
    const next = await wire.hear();
    if (next.kind !== 'data') return next.kind;
    heard = Buffer.concat([heard, next.octets]);
    const at = heard.indexOf(Buffer.of(4, CODE.PING));
    if (at < 0) continue;
    const token = heard.subarray(at + 2, at + 6);
    wire.say(TYPE.applicationData, Buffer.concat([Buffer.of(4, CODE.PONG), token]));
  }
}
