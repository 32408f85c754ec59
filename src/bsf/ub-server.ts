/** Ub as a service: HTTP/1.1 on one resource, `/` (TS 24.109 clause 4). */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { ConfigError, reasonOf } from '../errors.ts';
import { sourceOf } from '../lib/ip.ts';
import type { Ub, UbAnswer } from './ub.ts';

/** Ub, served. */
export interface UbServer {
  readonly address: Endpoint;
  /** Resolves when it no longer listens and every connection is over. */
  readonly closed: Promise<void>;
  /** Takes no more connections, answers the requests that are here. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Clear text, as Ub is: AKA proves both ends, and no secret is on the wire. The IMPI is.
 * @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there.
 */
export async function listenUb(ub: Ub, listen: Endpoint): Promise<UbServer> {
  const open = new Set<ServerResponse>();
  const server = createServer(LIMITS, (request, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
    serve(ub, request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', boundPerSource());
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  try {
    await once(server.listen({ ...listen }), 'listening');
  } catch (cause) {
    const reason = `cannot listen on ${formatEndpoint(listen)}: ${reasonOf(cause)}`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', reason, { cause });
  }
  const { address: host, port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    ub.close();
    await closed;
  };
  return {
    address: { host, port },
    closed,
    async drain() {
      server.close();
      server.closeIdleConnections();
      for (const response of open) response.shouldKeepAlive = false;
      await closed;
      ub.close();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve(ub: Ub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: uri = '', headers, socket } = request;
  if (uri !== '/') return end(response, 404);
  if (method !== 'GET') return end(response, 405, { Allow: 'GET' });
  const body = await bodyOf(request);
  if (body === undefined) return end(response, 413, { Connection: 'close' });
  const { status, ...answer }: UbAnswer = await ub.answer({
    method,
    uri,
    body,
    authorization: headers.authorization,
    userAgent: headers['user-agent'],
    source: sourceOf(socket.remoteAddress ?? ''),
  });
  end(response, status, answer.headers, answer.body);
}

function end(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body?: Uint8Array,
): void {
  const length = String(body?.length ?? 0);
  response.writeHead(status, { ...headers, Server: 'gba-push', 'Content-Length': length });
  response.end(body);
}

/** Undefined when it is longer than any that Ub has. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Refuses a connection when its source has as many as one may have. */
function boundPerSource(): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const source = sourceOf(socket.remoteAddress ?? '');
    const others = open.get(source) ?? 0;
    if (others >= PER_SOURCE) {
      socket.destroy();
      return;
    }
    open.set(source, others + 1);
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1;
      if (left > 0) open.set(source, left);
      else open.delete(source);
    });
  };
}

const LIMITS = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  /** How often the first two are looked at; Node's default would make 5 seconds 35. */
  connectionsCheckingInterval: 1_000,
};
const MAX_CONNECTIONS = 1_024;
/** Of an IPv4 address, or an IPv6 /64. */
const PER_SOURCE = 128;
const MAX_BODY_OCTETS = 4_096;
