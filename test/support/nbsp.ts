/** Nbsp_GBA for tests: a BSF that serves it, and a plain client whose every answer is validated. */
import { once } from 'node:events';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect } from 'node:net';
import type { ExecutionContext } from 'ava';
import { createNbsp } from '../../src/bsf/nbsp.ts';
import { listenNbsp } from '../../src/bsf/nbsp-server.ts';
import { nbspPath } from '../../src/codec/nbsp.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import {
  formatHttp2Address,
  parseHttp2Address,
  type Http2Address,
} from '../../src/net/http2-address.ts';
import type { Http2Server } from '../../src/net/http2-server.ts';
import type { Bsf } from '../../src/ports.ts';
import type { NafRecord } from '../../src/store/nafs.ts';
import { makeBsf, meOnly, nafRecord, type BsfBench } from './bsf.ts';
import { faultsOfReply } from './nbsp-schema.ts';
import { policy } from './tls.ts';

export const PUSH = nbspPath('push-info-retrieval');
export const BOOTSTRAPPING = nbspPath('bootstrapping-info-retrieval');
export const JSON_TYPE = 'application/json';

/** What a NAF asks for a subscriber with GBA_ME. */
export const pushBody = {
  ueId: meOnly.impi as string,
  ueIdType: 'PRIVATE',
  uiccAppLabel: 'USIM',
  nafId: { nafFqdn: 'naf.mnc001.mcc001.pub.3gppnetwork.org', uaSecProtId: '0100000007' },
  ptId: 'AAECAwQFBgcICQoL',
  uiccOrMe: 'GBA_ME',
  requestedLifeTime: new Date(Date.now() + 600_000).toISOString(),
};

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export interface ServedNbsp extends BsfBench {
  readonly server: Http2Server;
  readonly address: Http2Address;
  readonly naf: ReturnType<typeof nafRecord>;
}

export interface ServeNbspOptions {
  readonly naf?: ReturnType<typeof nafRecord>;
  readonly others?: readonly NafRecord[];
  readonly at?: string;
  readonly bsf?: Bsf;
  readonly clock?: Clock;
}

/** Serves until the end of the test; in clear text on loopback unless told otherwise. */
export async function serveNbsp(
  t: ExecutionContext,
  options: ServeNbspOptions = {},
): Promise<ServedNbsp> {
  const {
    naf = nafRecord(),
    others = [],
    at = 'http://127.0.0.1:0',
    clock = systemClock,
  } = options;
  const made = makeBsf(t);
  const server = await listenNbsp({
    nbsp: createNbsp({ bsf: options.bsf ?? made.bsf, clock }),
    nafs: [naf, ...others],
    address: parseHttp2Address(at),
    policy,
    clock,
  });
  t.teardown(() => server.close());
  return { ...made, server, address: server.address, naf };
}

/** A session of HTTP/2 in clear text, closed at the end of the test. */
export function openNbsp(t: ExecutionContext, address: Http2Address): ClientHttp2Session {
  const session = connectHttp2(
    address.scheme === 'unix' ? 'http://localhost' : formatHttp2Address(address),
    address.scheme === 'unix' ? { createConnection: () => connect(address.path) } : {},
  );
  session.on('error', () => undefined);
  t.teardown(() => {
    session.destroy();
  });
  return session;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly octets: Buffer;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Asks, and checks the answer against the published interface. @throws Error that says what is wrong with it. */
export async function post(
  session: ClientHttp2Session,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<Reply> {
  const sent = { ':method': 'POST', ':path': PUSH, 'content-type': JSON_TYPE, ...headers };
  const stream = session.request(sent, { endStream: false });
  const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>;
  stream.end(typeof body === 'string' ? body : JSON.stringify(body));
  const [got] = await answered;
  const chunks: Buffer[] = [];
  stream.on('error', () => undefined);
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const octets = Buffer.concat(chunks);
  const reply = {
    status: Number(got[':status']),
    type: String(got['content-type']),
    headers: got,
    octets,
    json: JSON.parse(octets.toString()) as Record<string, unknown>,
  };
  const faults = faultsOfReply(sent[':path'], reply);
  if (faults.length > 0)
    throw new Error(`not of TS 29.309: ${faults.join('; ')}: ${String(octets)}`);
  return reply;
}
