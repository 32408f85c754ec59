/** What the tests of the gate share: a TLS server behind it, clients, and what each of them saw. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Socket,
} from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import {
  connect,
  createServer,
  type ConnectionOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../src/codec/address.ts';
import type { GbaError } from '../../src/errors.ts';
import {
  createPskGate,
  type FoundKey,
  type PskGate,
  type PskGateOptions,
  type PskRequest,
} from '../../src/async-psk/index.ts';
import type { TlsVersion } from '../../src/lib/suites.ts';
import { RECORD, recordsOf } from '../support/tls-records.ts';

export const key = randomBytes(32);
export const identity = '3GPP-bootstrapping;device@bsf.example.org';
export const serverName = 'naf.example.org';
export const both: readonly TlsVersion[] = ['1.3', '1.2'];

/** Suites of TLS 1.3 and of all three PSK key exchanges of TLS 1.2. */
export const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-PSK-CHACHA20-POLY1305', 'DHE-PSK-AES128-GCM-SHA256', 'PSK-AES128-GCM-SHA256'],
].join(':');
const NO_TICKET_NO_RENEGOTIATION = 0x4000 | 0x4000_0000;

export interface Gated {
  readonly gate: PskGate;
  readonly server: Server;
  readonly port: number;
  /** All that was looked up, in order. */
  readonly asked: PskRequest[];
  readonly signals: AbortSignal[];
  readonly secured: TLSSocket[];
  /** What `identityOf` said in `secureConnection`. */
  readonly identities: (string | GbaError)[];
  /** The same in `tlsClientError`. */
  readonly faults: (string | GbaError)[];
  readonly refused: { readonly remote: Endpoint; readonly error: GbaError }[];
}

export interface GatedOptions extends Omit<Partial<PskGateOptions>, 'lookup'> {
  /** The key of `identity`, directly, unless given. */
  readonly lookup?: PskGateOptions['lookup'];
  readonly tls?: TlsOptions;
  /** A Unix socket instead of a port. */
  readonly pipe?: string;
  /** In place of the gate's own. */
  readonly pskCallback?: (gate: PskGate) => PskGate['pskCallback'];
}

/** A TLS server behind a gate; both end with the test. */
export async function startGated(t: ExecutionContext, options: GatedOptions = {}): Promise<Gated> {
  const { tls, pipe, lookup = keyOf, pskCallback, ...rest } = options;
  const asked: PskRequest[] = [];
  const signals: AbortSignal[] = [];
  const refused: { remote: Endpoint; error: GbaError }[] = [];
  const gate = createPskGate({
    ...rest,
    lookup: (request, signal) => {
      asked.push(request);
      signals.push(signal);
      return lookup(request, signal);
    },
    onRefused: (remote, error) => refused.push({ remote, error }),
  });
  const server = gate.attach(
    createServer({
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      pskIdentityHint: 'hint',
      dhparam: 'auto',
      secureOptions: NO_TICKET_NO_RENEGOTIATION,
      pskCallback: pskCallback?.(gate) ?? gate.pskCallback,
      ...tls,
    }),
  );
  const sockets = new Set<Socket>();
  server.prependListener('connection', (socket: Socket) => sockets.add(socket));
  const secured: TLSSocket[] = [];
  const identities: (string | GbaError)[] = [];
  const faults: (string | GbaError)[] = [];
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    secured.push(socket);
    identities.push(gate.identityOf(socket));
  });
  server.on('tlsClientError', (_error, socket) => faults.push(gate.identityOf(socket)));
  server.listen(pipe === undefined ? { port: 0, host: '127.0.0.1' } : { path: pipe });
  await once(server, 'listening');
  t.teardown(() => {
    gate.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const port = pipe === undefined ? (server.address() as AddressInfo).port : 0;
  return { gate, server, port, asked, signals, secured, identities, faults, refused };
}

/** The lookup of a server that has one device. */
export function keyOf({ identity: wanted }: { readonly identity: string }): Uint8Array | null {
  return wanted === identity ? key : null;
}

/** The same after one turn of the event loop. */
export function remoteKeyOf(request: PskRequest): Promise<FoundKey> {
  return new Promise((resolve) => {
    setImmediate(() => {
      resolve(keyOf(request));
    });
  });
}

export interface ClientOptions extends ConnectionOptions {
  readonly version?: TlsVersion;
  readonly named?: string;
  readonly psk?: Uint8Array;
}

/** A client that is not connected yet, and ends with the test. */
export function openClient(
  t: ExecutionContext,
  port: number,
  { version, named = identity, psk = key, ...options }: ClientOptions = {},
): TLSSocket {
  const client = connect({
    host: '127.0.0.1',
    port,
    servername: serverName,
    ciphers: CIPHERS,
    minVersion: version ? `TLSv${version}` : 'TLSv1.2',
    maxVersion: version ? `TLSv${version}` : 'TLSv1.3',
    minDHSize: 1_024,
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ identity: named, psk }),
    ...options,
  });
  client.on('error', () => undefined);
  t.teardown(() => client.destroy());
  return client;
}

/** Resolves with the client when its handshake is complete. @throws what ends it before. */
export async function dialGated(
  t: ExecutionContext,
  port: number,
  options: ClientOptions = {},
): Promise<TLSSocket> {
  const client = openClient(t, port, options);
  await once(client, 'secureConnect');
  return client;
}

/** Resolves with the number of the alert that ends this client's handshake, or the code of another error. */
export async function failureOf(client: TLSSocket): Promise<unknown> {
  try {
    await once(client, 'secureConnect');
    return 'secured';
  } catch (error) {
    const alert = /SSL alert number (\d+)/.exec(String(error))?.[1];
    if (alert !== undefined) return Number(alert);
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

/** What this OpenSSL says to a wrong key: of 1.3, 3.0 says 47 and 3.5 says 51. */
export async function wrongKeyAlert(t: ExecutionContext, version: TlsVersion): Promise<unknown> {
  const server = createServer({ minVersion: 'TLSv1.2', ciphers: CIPHERS, pskCallback: () => key });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const alert = await failureOf(openClient(t, port, { version, psk: randomBytes(32) }));
  server.close();
  return alert;
}

/** A TCP connection that ends with the test. */
export async function openRaw(t: ExecutionContext, port: number): Promise<Socket> {
  const raw = connectTcp({ host: '127.0.0.1', port, noDelay: true });
  raw.on('error', () => undefined);
  t.teardown(() => raw.destroy());
  await once(raw, 'connect');
  return raw;
}

/** All that this connection gets until it ends. */
export async function heard(raw: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  raw.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!raw.closed) await new Promise((resolve) => raw.once('close', resolve));
  return Buffer.concat(chunks);
}

/** A TCP relay that sends what the client says one octet per turn of the event loop. Gives its port. */
export async function startDrip(t: ExecutionContext, port: number): Promise<number> {
  const relay = createTcpServer((client) => {
    const server = connectTcp({ host: '127.0.0.1', port, noDelay: true });
    const drip = async (): Promise<void> => {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        for (const octet of chunk) {
          server.write(Buffer.of(octet));
          await turn();
        }
      }
      server.end();
    };
    drip().catch(() => server.destroy());
    server.on('error', () => client.destroy());
    server.pipe(client);
    t.teardown(() => {
      client.destroy();
      server.destroy();
    });
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return (relay.address() as AddressInfo).port;
}

/** Resolves with the alert in clear text that ends this connection: level and description. */
export async function alertOn(raw: Socket): Promise<number[] | undefined> {
  const last = recordsOf([await heard(raw)]).at(-1);
  return last?.type === RECORD.alert ? [...last.body] : undefined;
}

/** A promise and how to settle it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
