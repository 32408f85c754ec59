/** HTTP Digest with AKAv1-MD5 and qop auth-int: its headers, and what they prove (RFC 3310, RFC 2617). */
import { md5 } from '@noble/hashes/legacy.js';
import { CodecError } from '../errors.ts';
import { concat, isHex, toHex, utf8Bytes, view } from '../lib/bytes.ts';

/** What a server asks for: WWW-Authenticate. */
export interface DigestChallenge {
  readonly realm: string;
  /** base64(RAND || AUTN || server data), RFC 3310 3.2; see `formatNonce`. */
  readonly nonce: string;
  /** To be sent back as it is. */
  readonly opaque?: string | undefined;
  /** The nonce of the answer was not known (any more); the password may be right. */
  readonly stale?: boolean | undefined;
}

/** What a client answers: Authorization. Before the first challenge nonce and response are empty. */
export interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  /** 32 hex digits, or empty. */
  readonly response: string;
  readonly proof?: DigestProof | undefined;
  /** 14 octets: the SIM found SQN out of range (RFC 3310 3.4). */
  readonly auts?: Uint8Array | undefined;
  readonly opaque?: string | undefined;
}

/** What either end adds so that no digest is like another (RFC 2617 3.2.2). */
export interface DigestProof {
  /** How often this nonce was used: 8 hex digits. */
  readonly nc: string;
  readonly cnonce: string;
}

/** What a server proves in its turn: Authentication-Info (RFC 2617 3.2.3). */
export interface DigestInfo extends DigestProof {
  /** 32 hex digits. */
  readonly rspauth: string;
}

/** Everything that goes into a digest. */
export interface DigestInput extends DigestProof {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  /** RES as raw octets; empty when AUTS is sent. */
  readonly password: Uint8Array;
  /** The request's; empty for the server's own digest. */
  readonly method: string;
  readonly uri: string;
  readonly body: Uint8Array;
}

/**
 * `response` of a request or, with an empty method, `rspauth` of its answer: 32 hex digits
 * (RFC 2617 3.2.2.1 to 3.2.2.3). Each digest is MD5, and the body is in it: qop auth-int.
 */
export function digestOf(input: DigestInput): string {
  const { username, realm, nonce, nc, cnonce, method, uri } = input;
  const a1 = toHex(md5(concat(utf8Bytes(`${username}:${realm}:`), input.password)));
  const a2 = toHex(md5(utf8Bytes(`${method}:${uri}:${toHex(md5(input.body))}`)));
  return toHex(md5(utf8Bytes(`${a1}:${nonce}:${nc}:${cnonce}:${QOP}:${a2}`)));
}

/** The nonce of a challenge. `rand` and `autn` have 16 octets each. */
export function formatNonce(rand: Uint8Array, autn: Uint8Array): string {
  return view(concat(rand, autn)).toString('base64');
}

/** @throws CodecError ERR_UB_MALFORMED unless it is base64 of 32 octets or more. */
export function parseNonce(nonce: string): { rand: Uint8Array; autn: Uint8Array } {
  const octets = base64Octets(nonce);
  if (octets === undefined || octets.length < 32) throw malformed('a nonce holds RAND and AUTN');
  return { rand: octets.slice(0, 16), autn: octets.slice(16, 32) };
}

/** The value of WWW-Authenticate. */
export function formatChallenge({ realm, nonce, opaque, stale }: DigestChallenge): string {
  return formatDigest([
    ['realm', quote(realm)],
    ['nonce', quote(nonce)],
    ['algorithm', ALGORITHM],
    ['qop', quote(QOP)],
    ['opaque', opaque && quote(opaque)],
    ['stale', stale === true ? 'true' : undefined],
  ]);
}

/** @throws CodecError ERR_UB_MALFORMED unless it is a challenge for AKAv1-MD5 that offers auth-int. */
export function parseChallenge(value: string | undefined): DigestChallenge {
  const found = parseDigest('WWW-Authenticate', value);
  const offered = (found.get('qop') ?? '').split(',').map((one) => one.trim());
  if (found.get('algorithm')?.toLowerCase() !== ALGORITHM.toLowerCase() || !offered.includes(QOP)) {
    throw malformed(`WWW-Authenticate asks for another scheme than ${ALGORITHM} with ${QOP}`);
  }
  return {
    realm: required(found, 'realm'),
    nonce: required(found, 'nonce'),
    opaque: found.get('opaque'),
    stale: found.get('stale')?.toLowerCase() === 'true',
  };
}

/** The value of Authorization. */
export function formatAuthorization(credentials: DigestCredentials): string {
  const { username, realm, nonce, uri, response, proof, auts, opaque } = credentials;
  return formatDigest([
    ['username', quote(username)],
    ['realm', quote(realm)],
    ['nonce', quote(nonce)],
    ['uri', quote(uri)],
    ['response', quote(response)],
    ['algorithm', proof && ALGORITHM],
    ['qop', proof && QOP],
    ['nc', proof?.nc],
    ['cnonce', proof && quote(proof.cnonce)],
    ['auts', auts && quote(view(auts).toString('base64'))],
    ['opaque', opaque && quote(opaque)],
  ]);
}

/** @throws CodecError ERR_UB_MALFORMED; also for another algorithm or qop than ours. */
export function parseAuthorization(value: string | undefined): DigestCredentials {
  const found = parseDigest('Authorization', value);
  const algorithm = found.get('algorithm') ?? ALGORITHM;
  if (algorithm.toLowerCase() !== ALGORITHM.toLowerCase()) {
    throw malformed(`algorithm must be ${ALGORITHM}`);
  }
  const response = (found.get('response') ?? '').toLowerCase();
  if (response !== '' && !isHex(response, 16)) throw malformed('response is 32 hex digits');
  const auts = found.get('auts');
  return {
    username: required(found, 'username'),
    realm: found.get('realm') ?? '',
    nonce: found.get('nonce') ?? '',
    uri: found.get('uri') ?? '',
    response,
    proof: found.has('qop') ? proofIn(found) : undefined,
    auts: auts === undefined ? undefined : parseAuts(auts),
    opaque: found.get('opaque'),
  };
}

/** The value of Authentication-Info. */
export function formatAuthenticationInfo({ rspauth, nc, cnonce }: DigestInfo): string {
  const members: readonly Member[] = [
    ['qop', QOP],
    ['rspauth', quote(rspauth)],
    ['cnonce', quote(cnonce)],
    ['nc', nc],
  ];
  return joined(members);
}

/** @throws CodecError ERR_UB_MALFORMED. */
export function parseAuthenticationInfo(value: string | undefined): DigestInfo {
  const found = parseMembers('Authentication-Info', value ?? '');
  const rspauth = required(found, 'rspauth').toLowerCase();
  if (!isHex(rspauth, 16)) throw malformed('rspauth is 32 hex digits');
  return { ...proofIn(found), rspauth };
}

type Member = readonly [name: string, value: string | undefined];

function formatDigest(members: readonly Member[]): string {
  return `Digest ${joined(members)}`;
}

function joined(members: readonly Member[]): string {
  return members
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join(', ');
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function parseDigest(header: string, value = ''): Map<string, string> {
  const [scheme, rest] = [value.slice(0, 7), value.slice(7)];
  if (scheme.toLowerCase() !== 'digest ') throw malformed(`${header} must be Digest`);
  return parseMembers(header, rest);
}

/** Names in lower case, each once; values without quotes and escapes. */
function parseMembers(header: string, text: string): Map<string, string> {
  if (text.length > MAX_OCTETS || !/^[\x20-\x7e\t]*$/.test(text)) {
    throw malformed(`${header} is at most ${MAX_OCTETS} characters of ASCII`);
  }
  const found = new Map<string, string>();
  MEMBER.lastIndex = 0;
  while (MEMBER.lastIndex < text.length) {
    const [, name = '', quoted, token = ''] = MEMBER.exec(text) ?? [];
    const key = name.toLowerCase();
    if (key === '' || found.has(key))
      throw malformed(`${header} is a list of name=value, each once`);
    found.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token);
  }
  return found;
}

function required(found: ReadonlyMap<string, string>, name: string): string {
  const value = found.get(name);
  if (value === undefined || value === '') throw malformed(`${name} is missing`);
  return value;
}

function proofIn(found: ReadonlyMap<string, string>): DigestProof {
  const [nc, cnonce] = [required(found, 'nc'), required(found, 'cnonce')];
  if (found.get('qop') !== QOP || !isHex(nc, 4)) {
    throw malformed(`qop must be ${QOP}, and nc 8 hex digits`);
  }
  return { nc, cnonce };
}

function parseAuts(text: string): Uint8Array {
  const octets = base64Octets(text);
  if (octets?.length !== 14) throw malformed('auts is base64 of 14 octets');
  return octets;
}

/** Undefined unless it is base64 in its one canonical spelling. */
function base64Octets(text: string): Uint8Array | undefined {
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? Uint8Array.from(octets) : undefined;
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UB_MALFORMED', rule);
}

const ALGORITHM = 'AKAv1-MD5';
const QOP = 'auth-int';
const MAX_OCTETS = 4_096;
/** One `name=value` or `name="value"` with what separates it from the next. */
const MEMBER = /[\s,]*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(?:,\s*|$)/y;
