/** Normal GBA from the UE: one run of Ub gives B-TID and Ks (TS 24.109 clause 4, TS 33.220 4.5.2). */
import { randomBytes } from 'node:crypto';
import { Agent, request as sendRequest, type IncomingMessage } from 'node:http';
import { decodeBootstrappingInfo } from '../codec/bootstrapping-info.ts';
import {
  digestOf,
  formatAuthorization,
  parseAuthenticationInfo,
  parseChallenge,
  parseNonce,
  type DigestChallenge,
  type DigestCredentials,
  type DigestProof,
} from '../codec/digest-aka.ts';
import { BsfError, CodecError, SyncFailure, reasonOf } from '../errors.ts';
import { bsfFqdnFromImpi, bTidOf, type BTid, type Fqdn } from '../ids.ts';
import { EMPTY, equalSecret, toHex, utf8Bytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { NafKeySource, Usim } from '../ports.ts';

export interface BootstrapOptions {
  /** Where the BSF answers, `http://host:port`. */
  readonly bsf: URL;
  /** Its name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
  readonly usim: Usim;
  readonly clock: Clock;
  /** How long the run may take, ms. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a run leaves at the UE. */
export interface Bootstrapped {
  readonly bTid: BTid;
  /** Epoch ms by this clock: the BSF's lifetime, counted from its own Date. */
  readonly expiresAt: number;
  /** Derives the keys of NAFs. The caller owns it and wipes it. */
  readonly keys: NafKeySource;
}

/**
 * @throws AkaError ERR_AKA_MAC_FAILURE when the challenge is not of the SIM's network, SyncFailure when a
 * resynchronisation did not help; BsfError ERR_BSF_DENIED, ERR_BSF_BUSY, ERR_BSF_UNREACHABLE, and
 * ERR_BSF_UNPROVEN when the BSF did not prove that it knows RES; CodecError ERR_UB_MALFORMED; TypeError
 * when the SIM gives no RES; the signal's reason.
 */
export async function bootstrapOverUb(options: BootstrapOptions): Promise<Bootstrapped> {
  const { bsf, usim, clock, timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  const realm = options.fqdn ?? bsfFqdnFromImpi(usim.impi);
  const late = new AbortController();
  const deadline = clock.after(timeoutMs, () => {
    late.abort();
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ends = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
  const ask = (credentials: Partial<DigestCredentials>): Promise<Answer> =>
    exchange({ bsf, realm, agent, usim, signal: ends }, credentials);
  try {
    return await run(ask, { realm, usim, clock });
  } catch (error) {
    signal?.throwIfAborted();
    if (late.signal.aborted) throw unreachable(`no answer within ${timeoutMs} ms`, error);
    throw error;
  } finally {
    deadline.cancel();
    agent.destroy();
  }
}

type Ask = (credentials: Partial<DigestCredentials>) => Promise<Answer>;
type Party = Pick<BootstrapOptions, 'usim' | 'clock'> & { readonly realm: Fqdn };

async function run(ask: Ask, party: Party): Promise<Bootstrapped> {
  let answer = await ask({});
  let resyncs = 1;
  for (let rounds = MAX_ROUNDS; rounds > 0; rounds -= 1) {
    const { nonce, opaque } = challengeIn(answer, party.realm);
    const { rand, autn } = parseNonce(nonce);
    let keys: NafKeySource;
    try {
      keys = await party.usim.authenticate(rand, autn, party.usim.uiccType ?? 'GBA_ME');
    } catch (error) {
      if (!(error instanceof SyncFailure) || resyncs === 0) throw error;
      resyncs -= 1;
      const { auts } = error;
      answer = await ask({ ...prove(party, { nonce, opaque }, EMPTY), auts });
      continue;
    }
    try {
      if (keys.res === undefined) throw new TypeError('this SIM gives no RES, which Ub needs');
      const credentials = prove(party, { nonce, opaque }, keys.res);
      answer = await ask(credentials);
      if (answer.status === 200)
        return { ...conclude(answer, credentials, rand, keys.res, party), keys };
    } catch (error) {
      keys.wipe();
      throw error;
    }
    keys.wipe();
  }
  throw refused(answer);
}

/** The digest of one request under `password`: RES, or nothing with AUTS (RFC 3310 3.4). */
function prove(
  { usim, realm }: Party,
  { nonce, opaque }: Pick<DigestChallenge, 'nonce' | 'opaque'>,
  password: Uint8Array,
): DigestCredentials & { readonly proof: DigestProof } {
  const proof = { nc: '00000001', cnonce: toHex(randomBytes(16)) };
  const named = { username: usim.impi, realm, nonce, uri: URI };
  const response = digestOf({ ...named, ...proof, password, method: METHOD, body: EMPTY });
  return { ...named, response, proof, opaque };
}

function challengeIn(answer: Answer, realm: Fqdn): DigestChallenge {
  if (answer.status !== 401) throw refused(answer);
  const challenge = parseChallenge(answer.message.headers['www-authenticate']);
  if (challenge.realm.toLowerCase() !== realm) {
    const rule = `the BSF calls itself ${JSON.stringify(challenge.realm)}, not ${realm}`;
    throw new BsfError('ERR_BSF_UNPROVEN', rule);
  }
  return challenge;
}

/** Nothing in the answer counts before rspauth holds: only who knows RES can make it. */
function conclude(
  { message, body }: Answer,
  credentials: DigestCredentials & { readonly proof: DigestProof },
  rand: Uint8Array,
  password: Uint8Array,
  { realm, clock }: Party,
): Pick<Bootstrapped, 'bTid' | 'expiresAt'> {
  const { rspauth, ...proof } = parseAuthenticationInfo(single(message, 'authentication-info'));
  const expected = digestOf({ ...credentials, ...proof, password, method: '', body });
  const fresh = proof.nc === credentials.proof.nc && proof.cnonce === credentials.proof.cnonce;
  if (!fresh || !equalSecret(utf8Bytes(expected), utf8Bytes(rspauth))) {
    throw new BsfError('ERR_BSF_UNPROVEN', 'the BSF did not prove that it knows RES');
  }
  const { bTid, expiresAt } = decodeBootstrappingInfo(body);
  if (bTid !== bTidOf(rand, realm)) {
    throw new CodecError('ERR_UB_MALFORMED', 'the B-TID is not of this RAND and BSF');
  }
  const bsfNow = Date.parse(message.headers.date ?? '');
  const now = clock.now();
  return { bTid, expiresAt: expiresAt - (Number.isNaN(bsfNow) ? 0 : bsfNow - now) };
}

interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: Uint8Array;
}

interface Peer {
  readonly bsf: URL;
  readonly realm: Fqdn;
  readonly agent: Agent;
  readonly usim: Usim;
  readonly signal: AbortSignal;
}

async function exchange(
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
      const sent = sendRequest(new URL(URI, bsf), { agent, headers, signal }, resolve);
      sent.once('error', reject).end();
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

function single({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function refused({ status }: Answer): BsfError {
  if (status === 429) {
    return new BsfError('ERR_BSF_BUSY', 'the BSF says: not now', { retryable: true });
  }
  if (status >= 500) return unreachable(`it answered ${status}`, undefined);
  return new BsfError('ERR_BSF_DENIED', `the BSF does not know or accept this SIM (${status})`);
}

function unreachable(reason: string, cause: unknown): BsfError {
  const message = `no bootstrapping with the BSF: ${reason}`;
  return new BsfError('ERR_BSF_UNREACHABLE', message, { retryable: true, cause });
}

const METHOD = 'GET';
const URI = '/';
/** A challenge may be out of date when its answer comes, or out of step; not for ever. */
const MAX_ROUNDS = 3;
const MAX_BODY_OCTETS = 16_384;
