/** What the TLS tests share: associations, a NAF in a box, a recording relay. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { ChannelError } from '../../src/errors.ts';
import { bTidOf, parseFqdn, parseImpi, pskIdentityOf, pTidOf } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import { dialPsk, type DialPskOptions } from '../../src/net/psk-client.ts';
import { listenPsk, type ListenPskOptions, type PskServer } from '../../src/net/psk-server.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import { announce, type LiveSa, type SaTerms } from '../../src/sa/association.ts';
import { loadTlsPolicy } from '../../src/store/policy.ts';

export const policy = loadTlsPolicy();
export const TLS13: TlsBinding = { version: '1.3' };
export const nafFqdn = parseFqdn('naf.example.org');

export const every12Binding: readonly TlsBinding[] = policy.suites12.map((suite) => ({
  version: '1.2',
  suite,
}));

/** A live association with a random key for an hour, TLS 1.3 unless told otherwise. */
export function makeSa(terms: Partial<SaTerms> = {}, key: Uint8Array = randomBytes(32)): LiveSa {
  return announce(
    {
      bTid: bTidOf(randomBytes(16), parseFqdn('bsf.example.org')),
      pTid: pTidOf(randomBytes(12)),
      impi: parseImpi('user@example.org'),
      nafFqdn,
      binding: TLS13,
      expiresAt: Date.now() + 3_600_000,
      ...terms,
    },
    key,
  );
}

export interface Naf {
  readonly server: PskServer;
  readonly port: number;
  /** What `find` looks in; a test may change it. */
  readonly known: Map<string, LiveSa>;
  readonly layers: SecuredSocket[];
  /** How often `find` was asked, and for what. */
  readonly asked: string[];
  /** What listeners of this process refused from then on: tests that read it must be serial. */
  readonly refusals: { readonly remote: string; readonly code: string; readonly reason: string }[];
  readonly layer: (index?: number) => Promise<SecuredSocket>;
}

/** A listener for these associations, closed at the end of the test. */
export async function startNaf(
  t: ExecutionContext,
  sas: readonly LiveSa[],
  options: Partial<ListenPskOptions> = {},
): Promise<Naf> {
  const known = new Map(sas.map((sa): [string, LiveSa] => [pskIdentityOf(sa.bTid), sa]));
  const [layers, asked]: [SecuredSocket[], string[]] = [[], []];
  const server = await listenPsk({
    host: '127.0.0.1',
    port: 0,
    policy,
    clock: systemClock,
    versions: ['1.3', '1.2'],
    find: (identity) => {
      asked.push(identity);
      return known.get(identity);
    },
    onLayer: (layer) => layers.push(layer),
    ...options,
  });
  const refusals: Naf['refusals'] = [];
  const own = `127.0.0.1:${server.address.port}`;
  const stop = subscribe('gba:tls:refused', (refusal) => {
    if (refusal.remote !== own) refusals.push(refusal);
  });
  t.teardown(async () => {
    stop();
    await server.close();
  });
  const layer = async (index = 0): Promise<SecuredSocket> => {
    await until(() => layers.length > index);
    const found = layers[index];
    if (found === undefined) throw new Error('no such layer');
    return found;
  };
  return { server, port: server.address.port, known, layers, asked, refusals, layer };
}

/** Dials as the UE does, and destroys the layer at the end of the test. */
export async function dial(
  t: ExecutionContext,
  port: number,
  sa: LiveSa,
  options: Partial<DialPskOptions> = {},
): Promise<SecuredSocket> {
  const clock = systemClock;
  const layer = await dialPsk({ host: '127.0.0.1', port, sa, policy, clock, ...options });
  t.teardown(() => layer.socket.destroy());
  return layer;
}

/** Resolves when the attempt has failed, or has got a layer that the NAF then ended. */
export async function ended(attempt: Promise<SecuredSocket>): Promise<void> {
  try {
    const { socket } = await attempt;
    socket.resume();
    await until(() => socket.closed);
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
  }
}

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    if (turn > 5_000) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Resolves when the socket is closed, with everything that it still read. */
export async function drained(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

/** Sends text from one end to the other and gives what arrives. */
export async function carry(from: TLSSocket, to: TLSSocket, text: string): Promise<string> {
  const arrives = once(to, 'data') as Promise<[Buffer]>;
  from.write(text);
  const [chunk] = await arrives;
  return chunk.toString();
}

export interface Relay {
  readonly port: number;
  /** All octets so far, of all connections. */
  readonly sent: { readonly toServer: Buffer[]; readonly toClient: Buffer[] };
}

/** A TCP relay to `port` that records what passes. */
export async function startRelay(t: ExecutionContext, port: number): Promise<Relay> {
  const sent: Relay['sent'] = { toServer: [], toClient: [] };
  const relay = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => sent.toServer.push(chunk));
    server.on('data', (chunk: Buffer) => sent.toClient.push(chunk));
    join(client, server);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return { port: (relay.address() as AddressInfo).port, sent };
}

/** What either end sends goes to the other; the failure of one is the end of both. */
export function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
  }
}
