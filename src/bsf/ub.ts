/** The BSF's end of Ub, without HTTP around it: challenge, proof, session (TS 24.109 clause 4, RFC 3310). */
import { ksOf, swapAutnStar } from '../aka/kdf.ts';
import { BOOTSTRAPPING_INFO_TYPE, encodeBootstrappingInfo } from '../codec/bootstrapping-info.ts';
import {
  digestOf,
  formatAuthenticationInfo,
  formatChallenge,
  formatNonce,
  parseAuthorization,
  type DigestCredentials,
  type DigestProof,
} from '../codec/digest-aka.ts';
import { AkaError, BsfError, CodecError, GbaError } from '../errors.ts';
import { bsfFqdnFromImpi, bTidOf, parseImpi, type Fqdn, type Impi } from '../ids.ts';
import { EMPTY, equalSecret, utf8Bytes, wipe } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { rateLimit, type RateLimitOptions } from '../lib/limits.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Hss } from '../ports.ts';
import { createChallenges, wipeChallenge, type Challenge } from './challenges.ts';
import type { BootstrapSessions } from './sessions.ts';

/** What the BSF's end of Ub is made of. */
export interface UbOptions {
  readonly hss: Hss;
  /** Where a run that succeeds leaves its Ks; the same as the BSF core's. */
  readonly sessions: BootstrapSessions;
  readonly clock: Clock;
  /** A session lives `defaultSeconds`, and `maxSeconds` at most. */
  readonly policy: TlsPolicy['keyLifetime'];
  /** The BSF's own name, and the realm, when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
  /** Challenges per source, each of which costs a vector. By default 16 at once, then 1 per second. */
  readonly rate?: RateLimitOptions;
}

/** One request of a UE, as HTTP brought it. */
export interface UbRequest {
  readonly method: string;
  readonly uri: string;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
  readonly body: Uint8Array;
  /** Who is held to the rate: an IPv4 address or an IPv6 /64. */
  readonly source: string;
}

/** What HTTP shall answer. */
export interface UbAnswer {
  readonly status: 200 | 400 | 401 | 403 | 429 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The BSF's end of Ub. */
export interface Ub {
  /** Never rejects for a GbaError: what is refused is an answer, and the event `gba:ub:refused`. */
  answer(request: UbRequest): Promise<UbAnswer>;
  /** How many challenges wait for their answer. */
  readonly pending: number;
  /** Wipes the challenges that are out. */
  close(): void;
}

/** Ub without HTTP, for a server of your own; `listenUb` is ours. */
export function createUb(options: UbOptions): Ub {
  const { hss, sessions, clock, policy, fqdn } = options;
  const challenges = createChallenges(clock);
  const limit = rateLimit(clock, options.rate ?? { burst: 16, perSecond: 1, sources: 4_096 });
  const realmOf = (impi: Impi): Fqdn => fqdn ?? bsfFqdnFromImpi(impi);

  const challenge = async (impi: Impi, request: UbRequest, stale: boolean): Promise<UbAnswer> => {
    if (!limit.take(request.source)) {
      throw new BsfError('ERR_BSF_BUSY', 'too many challenges for this source', {
        retryable: true,
      });
    }
    const realm = realmOf(impi);
    const { rand, autn, xres, ck, ik, uiccType } = await hss.vector(impi, 'ub');
    const gbaU = uiccType === 'GBA_U' && speaksGbaU(request);
    const nonce = formatNonce(rand, gbaU ? swapAutnStar(autn, ik) : autn);
    challenges.add(nonce, { impi, rand, xres, ks: ksOf(ck, ik), gbaU });
    wipe(ck, ik);
    const header = formatChallenge({ realm, nonce, stale });
    return { status: 401, headers: { 'WWW-Authenticate': header }, body: EMPTY };
  };

  const succeed = (
    { impi, rand, ks, gbaU, xres }: Challenge,
    credentials: Proven,
    request: UbRequest,
  ): UbAnswer => {
    const bTid = bTidOf(rand, realmOf(impi));
    const createdAt = clock.now();
    const lifetimeSeconds = Math.min(policy.defaultSeconds, policy.maxSeconds);
    const expiresAt = (Math.floor(createdAt / 1_000) + lifetimeSeconds) * 1_000;
    sessions.add({ bTid, impi, rand, ks: ks.slice(), gbaU, createdAt, expiresAt });
    publish('gba:ub:bootstrapped', { impi, bTid });
    const body = encodeBootstrappingInfo({ bTid, expiresAt });
    const { proof } = credentials;
    const rspauth = proofOf(credentials, xres, { ...request, method: '', body });
    return {
      status: 200,
      headers: {
        'Content-Type': BOOTSTRAPPING_INFO_TYPE,
        'Authentication-Info': formatAuthenticationInfo({ ...proof, rspauth }),
        Expires: new Date(expiresAt).toUTCString(),
      },
      body,
    };
  };

  const judge = async (request: UbRequest): Promise<UbAnswer> => {
    const credentials = parseAuthorization(request.authorization);
    const impi = parseImpi(credentials.username);
    const { nonce, auts } = credentials;
    if (nonce === '') return challenge(impi, request, false);
    const pending = challenges.take(nonce, impi);
    if (pending === undefined) return challenge(impi, request, true);
    try {
      if (auts !== undefined) {
        await hss.resynchronise(impi, pending.rand, auts);
        return await challenge(impi, request, false);
      }
      requireProof(credentials, pending.xres, { ...request, realm: realmOf(impi) });
      return succeed(pending, credentials, request);
    } finally {
      wipeChallenge(pending);
    }
  };

  return {
    async answer(request) {
      try {
        return await judge(request);
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        publish('gba:ub:refused', {
          from: request.source,
          code: error.code,
          reason: error.message,
        });
        return refusalOf(error);
      }
    },
    get pending() {
      return challenges.size;
    },
    close() {
      challenges.close();
    },
  };
}

type Proven = DigestCredentials & { readonly proof: DigestProof };
type Digested = Pick<UbRequest, 'method' | 'uri' | 'body'>;

/** RES as raw octets is the password (RFC 3310 3.3). The nonce is good once, so nc is 1. */
function requireProof(
  credentials: DigestCredentials,
  xres: Uint8Array,
  request: Digested & { readonly realm: Fqdn },
): asserts credentials is Proven {
  const { proof, response, realm } = credentials;
  if (proof?.nc !== FIRST_USE || realm.toLowerCase() !== request.realm) {
    throw new BsfError(
      'ERR_BSF_DENIED',
      'the answer is for another realm, or is not the first of its nonce',
    );
  }
  const expected = proofOf({ ...credentials, proof }, xres, request);
  if (!equalSecret(utf8Bytes(expected), utf8Bytes(response))) {
    throw new BsfError('ERR_BSF_DENIED', 'the UE does not have the RES of this challenge');
  }
}

function proofOf(
  { username, realm, nonce, proof }: Proven,
  password: Uint8Array,
  { method, uri, body }: Digested,
): string {
  return digestOf({ username, realm, nonce, ...proof, password, method, uri, body });
}

/** The product tokens by which devices in the field tell what they can. */
function speaksGbaU({ userAgent = '' }: UbRequest): boolean {
  return userAgent.split(/[\s;,]+/).includes('3gpp-gba-uicc');
}

function refusalOf(error: GbaError): UbAnswer {
  const later = { 'Retry-After': '1' };
  if (error instanceof CodecError) return { status: 400, headers: {}, body: EMPTY };
  if (error.code === 'ERR_BSF_BUSY') return { status: 429, headers: later, body: EMPTY };
  const refused = error instanceof BsfError || error instanceof AkaError;
  return refused
    ? { status: 403, headers: {}, body: EMPTY }
    : { status: 503, headers: later, body: EMPTY };
}

const FIRST_USE = '00000001';
