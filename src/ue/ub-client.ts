/** Normal GBA from the UE: one run of Ub gives B-TID and Ks (TS 24.109 clause 4, TS 33.220 4.5.2). */
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { decodeBootstrappingInfo } from '../codec/bootstrapping-info.ts';
import {
  digestOf,
  parseAuthenticationInfo,
  parseChallenge,
  parseNonce,
  type DigestChallenge,
  type DigestCredentials,
  type DigestProof,
} from '../codec/digest-aka.ts';
import { BsfError, CodecError, ConfigError, ExecError, SyncFailure } from '../errors.ts';
import { bsfFqdnFromImpi, bTidOf, type BTid, type Fqdn } from '../ids.ts';
import { EMPTY, equalSecret, toHex, utf8Bytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { NafKeySource, Usim } from '../ports.ts';
import { exchange, headerIn, METHOD, unreachable, URI, type Answer } from './ub-http.ts';

export interface BootstrapOptions {
  /** Where the BSF answers: see `parseBsfUrl`. */
  readonly bsf: URL;
  /** Its name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn | undefined;
  readonly usim: Usim;
  /**
   * The AUTS that this RAND got first, which may be the one that is given; it rejects when none may leave.
   * Absent: none ever does.
   */
  readonly firstAuts?: ((rand: Uint8Array, auts: Uint8Array) => Promise<Uint8Array>) | undefined;
  readonly clock: Clock;
  /** How long a key counts at most, s, whatever the BSF says. Default 604,800. */
  readonly maxLifetimeSeconds?: number;
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

/** `http://host` or `http://host:port`: Ub is HTTP in clear text. @throws ConfigError ERR_CONFIG_ADDRESS. */
export function parseBsfUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' && url.href === `http://${url.host}/` && url.port !== '0') {
    return url;
  }
  const rule = `expected http://host:port of a BSF, not ${JSON.stringify(text)}`;
  throw new ConfigError('ERR_CONFIG_ADDRESS', rule);
}

/**
 * @throws AkaError ERR_AKA_MAC_FAILURE when the challenge is not of the SIM's network, SyncFailure when a
 * resynchronisation did not help or may not be; BsfError ERR_BSF_DENIED, ERR_BSF_BUSY,
 * ERR_BSF_UNREACHABLE, and ERR_BSF_UNPROVEN when the BSF did not prove that it knows RES; CodecError
 * ERR_UB_MALFORMED; ExecError when the SIM gives no RES; what SIM and `firstAuts` throw; the signal's
 * reason.
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
    return await run(ask, { ...options, realm });
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
type Party = BootstrapOptions & { readonly realm: Fqdn };

async function run(ask: Ask, party: Party): Promise<Bootstrapped> {
  let challenge = challengeIn(await ask({}), party);
  let resyncs = 1;
  for (let rounds = MAX_ROUNDS; rounds > 0; rounds -= 1) {
    const { rand, autn } = parseNonce(challenge.nonce);
    const outcome = await runSim(party, rand, autn);
    if (outcome instanceof SyncFailure) {
      if (resyncs === 0 || party.firstAuts === undefined) throw outcome;
      resyncs -= 1;
      const auts = await party.firstAuts(rand, outcome.auts);
      challenge = challengeIn(await ask({ ...prove(party, challenge, EMPTY), auts }), party);
      continue;
    }
    const { keys, res } = outcome;
    try {
      const credentials = prove(party, challenge, res);
      const askedAt = party.clock.now();
      const answer = await ask(credentials);
      if (answer.status === 200) {
        return { ...conclude(answer, credentials, { rand, res, askedAt }, party), keys };
      }
      challenge = challengeIn(answer, party);
      if (challenge.stale !== true) throw denied('does not take the RES of this SIM', answer);
    } catch (error) {
      keys.wipe();
      throw error;
    }
    keys.wipe();
  }
  throw unreachable('it forgets its challenges before they are answered', undefined);
}

async function runSim(
  { usim }: Party,
  rand: Uint8Array,
  autn: Uint8Array,
): Promise<{ readonly keys: NafKeySource; readonly res: Uint8Array } | SyncFailure> {
  try {
    const keys = await usim.authenticate(rand, autn, usim.uiccType ?? 'GBA_ME');
    if (keys.res !== undefined) return { keys, res: keys.res };
    keys.wipe();
  } catch (error) {
    if (error instanceof SyncFailure) return error;
    throw error;
  }
  const rule = 'this SIM gives no RES, by which a UE proves itself to a BSF';
  throw new ExecError('ERR_EXEC_FAILED', rule);
}

/** The digest of one request under `password`: RES, or nothing with AUTS (RFC 3310 3.4). */
function prove(
  { usim, realm }: Party,
  { nonce, opaque }: DigestChallenge,
  password: Uint8Array,
): DigestCredentials & { readonly proof: DigestProof } {
  const proof = { nc: '00000001', cnonce: toHex(randomBytes(16)) };
  const named = { username: usim.impi, realm, nonce, uri: URI };
  const response = digestOf({ ...named, ...proof, password, method: METHOD, body: EMPTY });
  return { ...named, response, proof, opaque };
}

/** What a 401 asks for; any other answer is none that a run goes on with. */
function challengeIn(answer: Answer, { realm, bsf }: Party): DigestChallenge {
  const { status } = answer;
  if (status === 429) {
    throw new BsfError('ERR_BSF_BUSY', 'the BSF says: not now', { retryable: true });
  }
  if (status >= 500) throw unreachable(`it answered ${status}`, undefined);
  if (status === 403 || status === 404) {
    throw denied('does not know this SIM, or refuses it', answer);
  }
  if (status !== 401) {
    throw malformed(`no BSF answers ${status} here: is there one at ${bsf.host}?`);
  }
  const challenge = parseChallenge(answer.message.headers['www-authenticate']);
  if (challenge.realm.toLowerCase() !== realm) {
    const rule = `the BSF calls itself ${JSON.stringify(challenge.realm)}, not ${realm}`;
    throw new BsfError('ERR_BSF_UNPROVEN', rule);
  }
  return challenge;
}

/** What an answer is judged by. */
interface Asked {
  readonly rand: Uint8Array;
  readonly res: Uint8Array;
  /** Epoch ms by this clock: no later than the BSF's Date in the answer. */
  readonly askedAt: number;
}

/** Nothing in the answer counts before rspauth holds: only who knows RES can make it. Date is not under it. */
function conclude(
  { message, body }: Answer,
  credentials: DigestCredentials & { readonly proof: DigestProof },
  { rand, res: password, askedAt }: Asked,
  { realm, clock, maxLifetimeSeconds = 604_800 }: Party,
): Pick<Bootstrapped, 'bTid' | 'expiresAt'> {
  const { rspauth, ...proof } = parseAuthenticationInfo(headerIn(message, 'authentication-info'));
  const expected = digestOf({ ...credentials, ...proof, password, method: '', body });
  const fresh = proof.nc === credentials.proof.nc && proof.cnonce === credentials.proof.cnonce;
  if (!fresh || !equalSecret(utf8Bytes(expected), utf8Bytes(rspauth))) {
    throw new BsfError('ERR_BSF_UNPROVEN', 'the BSF did not prove that it knows RES');
  }
  const { bTid, expiresAt } = decodeBootstrappingInfo(body);
  if (bTid !== bTidOf(rand, realm)) throw malformed('the B-TID is not of this RAND and BSF');
  const bsfNow = Date.parse(message.headers.date ?? '');
  const lifetimeMs = expiresAt - (Number.isNaN(bsfNow) ? askedAt : bsfNow);
  if (lifetimeMs < 1_000) {
    throw malformed('the key would end at once: its lifetime is over by the Date of the BSF');
  }
  const latest = clock.now() + maxLifetimeSeconds * 1_000;
  return { bTid, expiresAt: Math.min(askedAt + lifetimeMs, latest) };
}

function denied(rule: string, { status }: Answer): BsfError {
  return new BsfError('ERR_BSF_DENIED', `the BSF ${rule} (${status})`);
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UB_MALFORMED', rule);
}

/** A challenge may be out of date when its answer comes, or SQN out of step; not for ever. */
const MAX_ROUNDS = 3;
