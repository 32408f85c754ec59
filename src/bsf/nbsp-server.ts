/** Nbsp_GBA as a service over HTTP/2: who asks, how much it may send, what it gets (TS 29.309 6.1, TS 29.500). */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import {
  CAUSES,
  NBSP_OPERATIONS,
  nbspPath,
  problemOf,
  type NbspCause,
  type NbspOperation,
  type ProblemDetails,
} from '../codec/nbsp.ts';
import { reasonOf } from '../errors.ts';
import { utf8Bytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Http2Address } from '../net/http2-address.ts';
import { listenHttp2, type Http2Peer, type Http2Server } from '../net/http2-server.ts';
import type { NafRecord } from '../store/nafs.ts';
import type { Nbsp } from './nbsp.ts';

/** Where it listens, for whom, and what stands behind. */
export interface ListenNbspOptions {
  readonly nbsp: Nbsp;
  readonly nafs: readonly NafRecord[];
  readonly address: Http2Address;
  readonly policy: TlsPolicy;
  readonly clock: Clock;
}

/**
 * Over `https` a NAF proves itself by its pre-shared key, in clear text by its token; never by the other.
 * @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there.
 */
export function listenNbsp(options: ListenNbspOptions): Promise<Http2Server> {
  const { nbsp, address, policy, clock } = options;
  const { byIdentity, byToken } = indexOf(options.nafs);
  const nafOf = ({ identity }: Http2Peer, headers: IncomingHttpHeaders): NafRecord | undefined =>
    identity === undefined
      ? byToken.get(digestOf(tokenIn(headers)))
      : byIdentity.get(identity)?.naf;

  const respond = async (request: Request): Promise<void> => {
    const { stream, headers, peer } = request;
    const naf = nafOf(peer, headers);
    if (naf !== undefined) peer.belongsTo(naf.name);
    const fault = naf === undefined ? 'UNAUTHENTICATED' : faultOf(headers);
    const operation = operationOf(headers);
    if (naf === undefined || operation === undefined || fault !== undefined) {
      return refuse(request, naf, problemOf(fault ?? 'RESOURCE_URI_STRUCTURE_NOT_FOUND'));
    }
    const ends = new AbortController();
    stream.once('close', () => {
      ends.abort();
    });
    const deadline = clock.after(BODY_MS, () => {
      stream.close();
    });
    const body = await bodyOf(stream).finally(() => {
      deadline.cancel();
    });
    if (body === undefined) return refuse(request, naf, problemOf('CONTENT_TOO_LARGE'));
    const answer = await nbsp.answer(naf, operation, body, ends.signal);
    if ('problem' in answer) return refuse(request, naf, answer.problem, answer.reason);
    publish('gba:nbsp:answered', { naf: naf.name, operation });
    send(request, { status: 200, type: JSON_TYPE, body: answer.body });
  };

  return listenHttp2({
    address,
    policy,
    clock,
    keyFor: (identity) => byIdentity.get(identity)?.key,
    onStream: (stream, headers, peer) => {
      const request = { stream, headers, peer, clock };
      respond(request).catch((error: unknown) => {
        if (stream.closed) return;
        refuse(request, undefined, problemOf('SYSTEM_FAILURE'), reasonOf(error));
      });
    },
  });
}

interface Request {
  readonly clock: Clock;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly peer: Http2Peer;
}

interface NafIndex {
  readonly byIdentity: ReadonlyMap<string, { readonly naf: NafRecord; readonly key: Uint8Array }>;
  /** By a hash, so that how long the search takes tells nothing about a token. */
  readonly byToken: ReadonlyMap<string, NafRecord>;
}

function indexOf(nafs: readonly NafRecord[]): NafIndex {
  const byIdentity: [string, { naf: NafRecord; key: Uint8Array }][] = [];
  const byToken: [string, NafRecord][] = [];
  for (const naf of nafs) {
    const { proof } = naf;
    if ('token' in proof) byToken.push([digestOf(proof.token), naf]);
    else byIdentity.push([proof.identity, { naf, key: proof.key }]);
  }
  return { byIdentity: new Map(byIdentity), byToken: new Map(byToken) };
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/** Empty when there is none, which is no NAF's. */
function tokenIn({ authorization = '' }: IncomingHttpHeaders): string {
  return /^Bearer +([^\s]+)$/i.exec(authorization)?.[1] ?? '';
}

function operationOf(headers: IncomingHttpHeaders): NbspOperation | undefined {
  return NBSP_OPERATIONS.find((operation) => headers[':path'] === nbspPath(operation));
}

/** What is wrong with a request before its body is read. */
function faultOf(headers: IncomingHttpHeaders): NbspCause | undefined {
  if (operationOf(headers) === undefined) return 'RESOURCE_URI_STRUCTURE_NOT_FOUND';
  if (headers[':method'] !== 'POST') return 'METHOD_NOT_ALLOWED';
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== JSON_TYPE) return 'UNSUPPORTED_MEDIA_TYPE';
  return Number(headers['content-length'] ?? 0) > MAX_BODY_OCTETS ? 'CONTENT_TOO_LARGE' : undefined;
}

/** Undefined when it is longer than any request is. */
async function bodyOf(stream: ServerHttp2Stream): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuse(
  request: Request,
  naf: NafRecord | undefined,
  problem: ProblemDetails,
  reason: string = problem.title,
): void {
  const { status, cause } = problem;
  const who = { naf: naf?.name ?? 'nobody', from: request.peer.remote };
  publish('gba:nbsp:refused', { ...who, status, cause, reason });
  const body = utf8Bytes(JSON.stringify(problem));
  send(request, { status, type: 'application/problem+json', body });
}

function send(
  { stream, clock }: Request,
  { status, type, body }: { status: number; type: string; body: Uint8Array },
): void {
  if (stream.closed || stream.headersSent) return;
  stream.respond({
    ':status': status,
    'content-type': type,
    'content-length': String(body.length),
    'cache-control': 'no-store',
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...((status === 429 || status === 503) && { 'retry-after': '1' }),
    ...(status === 405 && { allow: 'POST' }),
  });
  stream.end(body, () => {
    if (stream.readableEnded || stream.closed || stream.destroyed) return;
    if (status === CAUSES.CONTENT_TOO_LARGE[0]) stream.close();
    else discard(stream, clock);
  });
}

/**
 * A body that was refused unread is taken off the wire as far as any request goes. Ending the stream at
 * once would do (RFC 9113 8.1), but curl 7.88 then says that there was no answer.
 */
function discard(stream: ServerHttp2Stream, clock: Clock): void {
  let octets = 0;
  const end = (): void => {
    stream.close();
  };
  const deadline = clock.after(BODY_MS, end);
  stream.once('close', () => {
    deadline.cancel();
  });
  stream.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) end();
  });
}

const JSON_TYPE = 'application/json';
/** A request has some 500 octets. */
const MAX_BODY_OCTETS = 16_384;
const BODY_MS = 10_000;
