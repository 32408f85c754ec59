/** The NAF's end of TLS-PSK: a listener that hands on proven layers (TS 33.222 5.4). */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { ConfigError, reasonOf } from '../errors.ts';
import { Line, type Standing } from '../lib/line.ts';
import type { HandshakeLimits } from './handshakes.ts';
import { PskAcceptor, tellRefused, type PskAcceptorOptions } from './psk-acceptor.ts';
import type { SecuredSocket } from './secured-socket.ts';
import { channelErrorOf } from './tls-faults.ts';

export type { HandshakeLimits, SecuredSocket };

/** Where, and all that becomes of a connection. */
export interface ListenPskOptions extends Endpoint, PskAcceptorOptions {}

/**
 * @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there, ConfigError when this runtime
 * has no group of the policy; nothing listens then.
 */
export async function listenPsk(options: ListenPskOptions): Promise<PskServer> {
  const server = new PskServer(options);
  await server.listen();
  return server;
}

/** A listener; `listenPsk` makes it. Why a handshake failed is told by events, never on the wire. */
export class PskServer {
  /** Resolves when it no longer listens and every connection is over. */
  readonly closed: Promise<void>;
  readonly #tcp: Server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  readonly #acceptor: PskAcceptor;
  readonly #connections = new Line<Open>();
  #address: Endpoint;

  /** It does not listen yet. @throws ConfigError when this runtime has no group of the policy. */
  constructor({ host, port, ...options }: ListenPskOptions) {
    this.#address = { host, port };
    this.#acceptor = new PskAcceptor(options);
    this.closed = new Promise((resolve) => this.#tcp.once('close', resolve));
    this.#tcp.on('connection', (raw) => {
      keepWhileOpen(this.#connections, raw);
      this.#acceptor.accept(raw);
    });
  }

  /** Where it listens; before it does, where it shall. */
  get address(): Endpoint {
    return this.#address;
  }

  /** Handshakes whose own lookup returned the key that proved both ends. */
  get fullHandshakes(): number {
    return this.#acceptor.fullHandshakes;
  }

  /** Handshakes that took up a session of a live association (TLS 1.2). */
  get resumedHandshakes(): number {
    return this.#acceptor.resumedHandshakes;
  }

  /** Handshakes that are not finished. */
  get pendingHandshakes(): number {
    return this.#acceptor.pendingHandshakes;
  }

  /** Call it once. @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
  async listen(): Promise<void> {
    try {
      await once(this.#tcp.listen({ ...this.#address }), 'listening');
    } catch (cause) {
      const reason = `cannot listen on ${formatEndpoint(this.#address)}: ${reasonOf(cause)}`;
      throw new ConfigError('ERR_CONFIG_ADDRESS', reason, { cause });
    }
    const { address: host, port } = this.#tcp.address() as AddressInfo;
    this.#address = { host, port };
    this.#tcp.on('error', (error) => {
      tellRefused(formatEndpoint(this.#address), channelErrorOf(error));
    });
  }

  /** Stops listening, lets every open connection end by itself. */
  async drain(): Promise<void> {
    this.#tcp.close();
    await this.closed;
  }

  /** Stops listening and destroys every connection, layers too. */
  async close(): Promise<void> {
    this.#tcp.close();
    for (const { raw } of this.#connections) raw.destroy();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Open extends Standing<Open> {
  readonly raw: Socket;
}

function keepWhileOpen(connections: Line<Open>, raw: Socket): void {
  const open: Open = { raw, line: undefined, ahead: undefined, behind: undefined };
  connections.add(open);
  raw.on('close', () => connections.delete(open));
}

const KEEP_ALIVE_MS = 60_000;
