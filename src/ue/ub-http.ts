/** One request over Ub and its answer: HTTP/1.1 in clear text, bounded (TS 24.109 clause 4). */
import { request as sendRequest, type Agent, type IncomingMessage } from 'node:http';
import { formatAuthorization, type DigestCredentials } from '../codec/digest-aka.ts';
import { BsfError, CodecError, reasonOf } from '../errors.ts';
import type { Fqdn } from '../ids.ts';
import type { Usim } from '../ports.ts';

/** The request of Ub: there is one resource. */
export const METHOD = 'GET';
export const URI = '/';

/** The whole of an answer. */
export interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: Uint8Array;
}

/** Who is asked, and by whom. */
export interface Peer {
  readonly bsf: URL;
  readonly realm: Fqdn;
  readonly agent: Agent;
  readonly usim: Usim;
  readonly signal: AbortSignal;
}

/** Asks once. @throws CodecError ERR_UB_MALFORMED when the answer is too long, BsfError ERR_BSF_UNREACHABLE. */
export async function exchange(
  { bsf, realm, agent, usim, signal }: Peer,
  credentials: Partial<DigestCredentials>,
): Promise<Answer> {
  const authorization = formatAuthorization({
    ...{ username: usim.impi, realm, nonce: '', uri: URI, response: '' },
    ...credentials,
  });
  const token = usim.uiccType === 'GBA_U' ? '3gpp-gba-uicc' : '3gpp-gba';
  const headers = { Host: realm, Authorization: authorization, 'User-Agent': `gba-push ${token}` };
  try {
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const how = { agent, headers, signal, maxHeaderSize: MAX_HEADER_OCTETS };
      sendRequest(new URL(URI, bsf), how, resolve).once('error', reject).end();
    });
    return { status: message.statusCode ?? 0, message, body: await bodyOf(message) };
  } catch (cause) {
    throw cause instanceof CodecError ? cause : unreachable(reasonOf(cause), cause);
  }
}

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS)
      throw new CodecError('ERR_UB_MALFORMED', 'the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The value of a header, the first of several. */
export function headerIn({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The error for a run that came to no end. */
export function unreachable(reason: string, cause: unknown): BsfError {
  const message = `no bootstrapping with the BSF: ${reason}`;
  return new BsfError('ERR_BSF_UNREACHABLE', message, { retryable: true, cause });
}

const MAX_HEADER_OCTETS = 8_192;
const MAX_BODY_OCTETS = 4_096;
