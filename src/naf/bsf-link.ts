/** The connection to a BSF elsewhere: one HTTP/2 session, opened when needed, kept, opened again (RFC 9113). */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { nbspPath, type NbspOperation } from '../codec/nbsp.ts';
import { BsfError, CodecError, ConfigError, GbaError, reasonOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import { formatHttp2Address, type Http2Address } from '../net/http2-address.ts';
import { dialHttp2, type PreSharedKey } from '../net/http2-client.ts';

/** The way to a BSF elsewhere. */
export interface BsfLinkOptions {
  readonly address: Http2Address;
  /** How this NAF proves itself: over `https` by a pre-shared key, in clear text by its token. */
  readonly proof: PreSharedKey | { readonly token: string };
  readonly policy: TlsPolicy;
  readonly clock: Clock;
  /** For one answer, with the connection if there is none yet, ms. Default 5,000. */
  readonly timeoutMs?: number;
}

/** What came back, whatever its status. */
export interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface BsfLink {
  /**
   * @throws BsfError ERR_BSF_UNREACHABLE, retryable; CodecError ERR_NBSP_MALFORMED for an answer that is
   * too long; ChannelError when the peer has another key or shows a certificate; the signal's reason.
   */
  post(operation: NbspOperation, body: Uint8Array, signal?: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

/** Nothing is sent yet. @throws ConfigError ERR_CONFIG_ADDRESS when address and proof do not go together. */
export function openBsfLink(options: BsfLinkOptions): BsfLink {
  const { address, proof, policy, clock, timeoutMs = 5_000 } = options;
  const to = formatHttp2Address(address);
  const psk = 'key' in proof ? proof : undefined;
  const authorization = 'token' in proof ? `Bearer ${proof.token}` : undefined;
  if ((address.scheme === 'https') !== (psk !== undefined)) {
    const rule = `${to}: https goes with a pre-shared key, http and unix with a token`;
    throw new ConfigError('ERR_CONFIG_ADDRESS', rule);
  }
  const closing = new AbortController();
  const underWay = new Set<AbortController>();
  let current: Promise<ClientHttp2Session> | undefined;

  const open = (): Promise<ClientHttp2Session> => {
    if (current !== undefined) return current;
    const dialling = dialHttp2({ address, policy, clock, psk, timeoutMs, signal: closing.signal });
    current = dialling;
    dialling.then(
      (session) => {
        publish('gba:bsf:connected', { to });
        session.once('goaway', () => {
          forget(dialling, 'the BSF ends it');
        });
        session.once('close', () => {
          forget(dialling, 'it is over');
        });
      },
      (error: unknown) => {
        forget(dialling, reasonOf(error));
      },
    );
    return dialling;
  };
  const forget = (one: Promise<ClientHttp2Session> | undefined, reason: string): void => {
    if (one === undefined || current !== one) return;
    current = undefined;
    publish('gba:bsf:disconnected', { to, reason });
  };
  /** A silent session may be dead: it gets no more requests, and those on it may still be answered. */
  const retire = (one: Promise<ClientHttp2Session> | undefined): void => {
    forget(one, `it is silent for ${timeoutMs} ms`);
    void one?.then(
      (session) => {
        session.setTimeout(timeoutMs, () => {
          session.destroy();
        });
        session.close();
      },
      () => undefined,
    );
  };

  return {
    async post(operation, body, signal) {
      signal?.throwIfAborted();
      if (closing.signal.aborted) throw unreachable(to, CLOSED);
      const asking = new AbortController();
      const abort = (): void => {
        asking.abort();
      };
      let used: Promise<ClientHttp2Session> | undefined;
      let late = false;
      const deadline = clock.after(timeoutMs, () => {
        late = true;
        abort();
      });
      // Not AbortSignal.any: what it makes of a signal that lives long is never collected on Node 20.
      signal?.addEventListener('abort', abort, { once: true });
      underWay.add(asking);
      try {
        used = open();
        const session = await abortable(used, asking.signal);
        const headers = headersFor(operation, authorization);
        return await replyOf(session.request(headers, { signal: asking.signal }), body);
      } catch (error) {
        signal?.throwIfAborted();
        if (late) retire(used);
        if (error instanceof GbaError && !error.retryable) throw error;
        const reason = late ? `silent for ${timeoutMs} ms` : reasonOf(error);
        throw unreachable(to, closing.signal.aborted ? CLOSED : reason, error);
      } finally {
        underWay.delete(asking);
        signal?.removeEventListener('abort', abort);
        deadline.cancel();
      }
    },
    async close() {
      const last = current;
      current = undefined;
      closing.abort();
      for (const asking of underWay) asking.abort();
      const session = await last?.catch(() => undefined);
      session?.destroy();
    },
  };
}

function headersFor(operation: NbspOperation, authorization: string | undefined) {
  return {
    ':method': 'POST',
    ':path': nbspPath(operation),
    'content-type': 'application/json',
    accept: 'application/json, application/problem+json',
    ...(authorization !== undefined && { authorization }),
  };
}

async function replyOf(stream: ClientHttp2Stream, request: Uint8Array): Promise<Reply> {
  let status = 0;
  stream.once('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
    status = headers[':status'] ?? 0;
  });
  stream.on('error', ignore);
  stream.end(request);
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) {
      throw new CodecError('ERR_NBSP_MALFORMED', 'the answer of the BSF is too long');
    }
    chunks.push(chunk);
  }
  if (status === 0) throw new Error('the BSF gave no answer');
  return { status, body: Buffer.concat(chunks) };
}

function unreachable(to: string, reason: string, cause?: unknown): BsfError {
  const message = `no answer from the BSF at ${to}: ${reason}`;
  return new BsfError('ERR_BSF_UNREACHABLE', message, { retryable: true, cause });
}

/** Many requests share one dial, so one that is aborted leaves it alone. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(new Error('aborted'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const CLOSED = 'this end was closed';
const MAX_BODY_OCTETS = 65_536;
/** The reader below hears of an error itself; one that comes after the answer is nobody's. */
const ignore = (): void => {};
