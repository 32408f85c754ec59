/** Two channels, or one channel and a raw peer, over a real TCP connection on loopback. */
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { CoapDecoder } from '../../src/codec/coap-decoder.ts';
import { CODE, type CoapMessage } from '../../src/codec/coap.ts';
import { NO_OPTIONS } from '../../src/codec/coap-option.ts';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Channel } from '../../src/net/channel.ts';
import type { ChannelOwner, ChannelSettings } from '../../src/net/channel-types.ts';

/** Both ends of one connection; destroyed when the test ends. */
export async function socketPair(t: ExecutionContext): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([
    once(server, 'connection'),
    once(dialled, 'connect'),
  ])) as [[net.Socket], unknown];
  server.close();
  t.teardown(() => {
    dialled.destroy();
    accepted.destroy();
  });
  return [dialled, accepted];
}

/** What a channel is given, beside its socket. */
export type ChannelLike = Partial<ChannelOwner & ChannelSettings>;

/** A channel that answers every request 2.01, unless told otherwise. */
export function channelOver(socket: net.Socket, options: ChannelLike = {}): Channel {
  const owner: ChannelOwner = {
    onRequest(_request, respond) {
      respond({ code: CODE.CREATED });
    },
    ...options,
  };
  const settings = { clock: systemClock, maxMessageSize: 65_536 + 256, ...options };
  return new Channel({ socket, owner, settings });
}

export async function channelPair(
  t: ExecutionContext,
  ours: ChannelLike = {},
  theirs: ChannelLike = {},
): Promise<{ near: Channel; far: Channel; sockets: [net.Socket, net.Socket] }> {
  const sockets = await socketPair(t);
  const near = channelOver(sockets[0], ours);
  const far = channelOver(sockets[1], theirs);
  await Promise.all([near.ready, far.ready]);
  return { near, far, sockets };
}

/** A peer that says exactly what the test writes. */
export interface RawPeer<S extends Duplex = net.Socket> {
  readonly socket: S;
  /** What came from the channel so far. */
  readonly heard: CoapMessage[];
  say(...messages: (Partial<CoapMessage> & { code: number })[]): void;
  /** Resolves when a message of that code has come. */
  hear(code: number): Promise<CoapMessage>;
}

export function rawPeer<S extends Duplex>(socket: S): RawPeer<S> {
  const heard: CoapMessage[] = [];
  const waiting = new Set<() => void>();
  const decoder = new CoapDecoder(1 << 20);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    decoder.push(chunk, (message) => heard.push(message));
    for (const look of [...waiting]) look();
  });
  return {
    socket,
    heard,
    say(...messages) {
      for (const { code, token = EMPTY, options = NO_OPTIONS, payload = EMPTY } of messages) {
        socket.write(encodeMessage({ code, token, options, payload }));
      }
    },
    hear: (code) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = heard.find((message) => message.code === code);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** A channel against a raw peer that has said its CSM, unless `csm` is false. */
export async function channelAndRawPeer(
  t: ExecutionContext,
  options: ChannelLike = {},
  csm = true,
): Promise<{ channel: Channel; peer: RawPeer }> {
  const [near, far] = await socketPair(t);
  const channel = channelOver(near, options);
  const peer = rawPeer(far);
  if (csm) {
    peer.say({ code: CODE.CSM });
    await channel.ready;
  }
  return { channel, peer };
}

/** The outcome of one request as a promise that never rejects. */
export function ask(
  channel: Channel,
  content: Parameters<Channel['request']>[0],
): Promise<CoapMessage | Error> {
  return new Promise((resolve) => {
    channel.request(content, resolve);
  });
}
