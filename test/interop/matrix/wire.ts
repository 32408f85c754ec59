/** An observer between two ends of TLS: what was agreed, as the octets in clear say it (RFC 8446, RFC 4279). */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { decodeClientHello } from '../../../src/async-psk/hello.ts';
import { decodePskIdentity, decodeServerHello } from '../../../src/async-psk/key-exchange.ts';
import type { Endpoint, TlsVersion } from '../../../src/index.ts';
import { join } from '../../support/tls.ts';
import { recordsOf, RECORD } from '../../support/tls-records.ts';

/** What a handshake that was relayed came to. */
export interface Agreed {
  /** The IANA code of the suite. */
  readonly suite: number | undefined;
  /** The group's name, `2048 bits` for a finite field, `none` for a plain pre-shared key. */
  readonly group: string;
  readonly identity: string | undefined;
  /** What the client offered. */
  readonly offered: { readonly tls13: boolean; readonly suites: readonly number[] };
}

export interface Wire {
  readonly host: string;
  readonly port: number;
  /** Where the connection is relayed to. */
  target: number;
  /** The port that it goes on from. */
  readonly from: number;
  agreed(): Agreed;
  /** All its octets, to the server and to the client. */
  readonly sent: { readonly toServer: readonly Buffer[]; readonly toClient: readonly Buffer[] };
}

/**
 * A relay on this address for one connection: a UE that dials again, as it does when it was refused, is
 * turned away. Closed, with what it carries, at the end of the test.
 */
export async function startWire(
  t: ExecutionContext,
  { host = '127.0.0.1', port = 0 }: Partial<Endpoint> = {},
): Promise<Wire> {
  const sent: { toServer: Buffer[]; toClient: Buffer[] } = { toServer: [], toClient: [] };
  let first: Socket | undefined;
  const agreed = (): Agreed => agreedIn(sent.toServer, sent.toClient);
  const wire = { host, port, target: 0, from: 0, agreed, sent };
  const relay = createServer({ noDelay: true }, (client) => {
    if (first !== undefined) return void client.destroy();
    first = client;
    const server = connect({ port: wire.target, host: '127.0.0.1', noDelay: true });
    server.on('connect', () => {
      wire.from = server.localPort ?? 0;
    });
    client.on('data', (chunk: Buffer) => sent.toServer.push(chunk));
    server.on('data', (chunk: Buffer) => sent.toClient.push(chunk));
    join(client, server);
  });
  relay.listen(port, host);
  await once(relay, 'listening');
  t.teardown(() => {
    relay.close();
    first?.destroy();
  });
  wire.port = (relay.address() as AddressInfo).port;
  return wire;
}

function agreedIn(toServer: readonly Buffer[], toClient: readonly Buffer[]): Agreed {
  const [first] = clearMessages(toClient, '1.2');
  const version = first && extensionIn(first, EXTENSION.supportedVersions) ? '1.3' : '1.2';
  const [asked, answered] = [clearMessages(toServer, version), clearMessages(toClient, version)];
  const of = (messages: readonly Buffer[], type: number): Buffer | undefined =>
    messages.findLast((message) => message[0] === type);
  const serverHello = of(answered, MESSAGE.serverHello);
  const clientHello = of(asked, MESSAGE.clientHello);
  const hello = clientHello && decodeClientHello(clientHello);
  const keyExchange = of(asked, MESSAGE.clientKeyExchange);
  const identity = keyExchange ? decodePskIdentity(keyExchange) : hello?.psks[0]?.identity;
  const suite = serverHello && decodeServerHello(serverHello).suite;
  const share = serverHello && extensionIn(serverHello, EXTENSION.keyShare);
  return {
    suite,
    group: share
      ? nameOf(share.readUInt16BE(0))
      : groupIn(suite, of(answered, MESSAGE.serverKeyExchange)),
    identity: identity && Buffer.from(identity).toString(),
    offered: {
      tls13: hello?.offersTls13 === true,
      suites: clientHello ? suitesIn(clientHello) : [],
    },
  };
}

/** What anybody can read: in TLS 1.2 all up to ChangeCipherSpec, which means nothing in TLS 1.3. */
function clearMessages(chunks: readonly Buffer[], version: TlsVersion): Buffer[] {
  const records = recordsOf(chunks);
  const end = records.findIndex(({ type }) => type === RECORD.changeCipherSpec);
  const clear = version === '1.2' && end !== -1 ? records.slice(0, end) : records;
  const stream = Buffer.concat(
    clear.filter(({ type }) => type === RECORD.handshake).map(({ body }) => body),
  );
  const messages: Buffer[] = [];
  for (let at = 0; at + 4 <= stream.length;) {
    const end = at + 4 + stream.readUIntBE(at + 1, 3);
    messages.push(stream.subarray(at, end));
    at = end;
  }
  return messages;
}

function suitesIn(clientHello: Buffer): number[] {
  const at = 4 + 35 + clientHello.readUInt8(4 + 34);
  const count = clientHello.readUInt16BE(at) / 2;
  return Array.from({ length: count }, (_, i) => clientHello.readUInt16BE(at + 2 + 2 * i));
}

/** The content of an extension of a ServerHello. */
function extensionIn(hello: Buffer, wanted: number): Buffer | undefined {
  for (let at = 4 + 35 + hello.readUInt8(4 + 34) + 5; at + 4 <= hello.length;) {
    const end = at + 4 + hello.readUInt16BE(at + 2);
    if (hello.readUInt16BE(at) === wanted) return hello.subarray(at + 4, end);
    at = end;
  }
  return undefined;
}

/** ServerKeyExchange: the hint, then curve parameters or a prime (RFC 5489 2, RFC 4279 3). */
function groupIn(suite: number | undefined, message: Buffer | undefined): string {
  if (message === undefined) return 'none';
  const at = 4 + 2 + message.readUInt16BE(4);
  if (at === message.length) return 'none';
  if (suite === DHE_PSK) return `${message.readUInt16BE(at) * 8} bits`;
  return nameOf(message.readUInt16BE(at + 1));
}

function nameOf(group: number): string {
  return GROUP_NAMES[group] ?? `group ${group}`;
}

const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  serverKeyExchange: 12,
  clientKeyExchange: 16,
} as const;
const EXTENSION = { supportedVersions: 0x2b, keyShare: 0x33 } as const;
const DHE_PSK = 0x00aa;
const GROUP_NAMES: Readonly<Record<number, string>> = {
  0x17: 'P-256',
  0x1d: 'X25519',
  0x11ec: 'X25519MLKEM768',
};
