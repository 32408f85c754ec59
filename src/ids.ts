/** Names that the standards give to things, made only by the parsers here (TS 23.003, TS 33.220). */
import { CodecError } from './errors.ts';
import { concat, isHex, fromHex, utf8Bytes, view } from './lib/bytes.ts';
import { SUITES, type Tls12Suite, type TlsBinding } from './lib/suites.ts';

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** International mobile subscriber identity: 6 to 15 digits (TS 23.003 2.2). */
export type Imsi = Brand<string, 'Imsi'>;
/** `+` and 7 to 15 digits: an international number (E.164). */
export type Msisdn = Brand<string, 'Msisdn'>;
/** IMS private identity, `user@domain`. */
export type Impi = Brand<string, 'Impi'>;
/** A lower-case host name. */
export type Fqdn = Brand<string, 'Fqdn'>;
/** Ten lower-case hex digits: organisation octet and four protocol octets (TS 33.220 H.1). */
export type UaSecurityProtocolId = Brand<string, 'UaSecurityProtocolId'>;
/** NAF FQDN || Ua security protocol id (TS 33.223 3.1). */
export type NafId = Brand<Uint8Array, 'NafId'>;
/** base64(RAND)@BSF-FQDN (TS 33.220 4.5.2). */
export type BTid = Brand<string, 'BTid'>;
/** Chosen by the NAF, unpredictable: 12 octets as 16 base64url characters (our form). */
export type PTid = Brand<string, 'PTid'>;
/** The text on the wire: namespace, `;`, and the B-TID or P-TID (TS 24.109 5.3.3). */
export type PskIdentity = Brand<string, 'PskIdentity'>;
/** Made by the NAF for one push: `[A-Za-z0-9_-]{1,43}`. */
export type PushId = Brand<string, 'PushId'>;

/** The TLS 1.2 identity hint and the first part of every PSK identity: for Ks_NAF and Ks_ext_NAF. */
export const PSK_NAMESPACE = '3GPP-bootstrapping';
/** The same for Ks_int_NAF, the key that the UICC keeps in GBA_U. */
export const PSK_NAMESPACE_UICC = '3GPP-bootstrapping-uicc';
/** How many octets a P-TID has here. */
export const P_TID_OCTETS = 12;
/** Characters of a push id: as many as a SHA-256 has in base64url. */
export const MAX_PUSH_ID = 43;

/** @throws CodecError ERR_ID_MALFORMED unless it is 6 to 15 digits. */
export function parseImsi(text: string): Imsi {
  if (!/^\d{6,15}$/.test(text)) malformed('an IMSI is 6 to 15 digits', text);
  return text as Imsi;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is `+` and 7 to 15 digits, the first of a country code. */
export function parseMsisdn(text: string): Msisdn {
  if (!/^\+[1-9]\d{6,14}$/.test(text)) malformed('an MSISDN is + and 7 to 15 digits', text);
  return text as Msisdn;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is `user@domain` of printable ASCII, at most 255 octets. */
export function parseImpi(text: string): Impi {
  const [user, domain, ...more] = text.split('@');
  if (!user || !domain || more.length > 0 || text.length > 255 || !/^[\x21-\x7e]+$/.test(user)) {
    malformed('an IMPI is user@domain', text);
  }
  return `${user}@${parseFqdn(domain)}` as Impi;
}

/** `<IMSI>@ims.mnc<MNC>.mcc<MCC>.3gppnetwork.org` (TS 23.003 13.3); a 2-digit MNC gets a leading zero. */
export function impiFromImsi(imsi: Imsi, mncDigits: 2 | 3 = 2): Impi {
  const mnc = imsi.slice(3, 3 + mncDigits).padStart(3, '0');
  return `${imsi}@ims.mnc${mnc}.mcc${imsi.slice(0, 3)}.3gppnetwork.org` as Impi;
}

/** The home network's `.mncX.mccY.pub.3gppnetwork.org`, when the IMPI has the form of TS 23.003 13.3. */
export function homePublicDomain(impi: Impi): string | undefined {
  const home = /@ims\.(mnc\d{3}\.mcc\d{3})\.3gppnetwork\.org$/.exec(impi)?.[1];
  return home === undefined ? undefined : `.${home}.pub.3gppnetwork.org`;
}

/** The BSF that TS 23.003 16.2 gives for an IMPI: `bsf.mncX.mccY.pub.3gppnetwork.org`, else `bsf.<domain>`. */
export function bsfFqdnFromImpi(impi: Impi): Fqdn {
  const home = homePublicDomain(impi);
  return parseFqdn(home === undefined ? `bsf.${impi.slice(impi.indexOf('@') + 1)}` : `bsf${home}`);
}

/** @throws CodecError ERR_ID_MALFORMED unless it is a host name of at most 127 octets. */
export function parseFqdn(text: string): Fqdn {
  const name = text.toLowerCase();
  if (name.length > 127 || !FQDN.test(name)) {
    malformed('an FQDN is labels of letters, digits and hyphens, at most 127 octets', text);
  }
  return name as Fqdn;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is ten hex digits. */
export function parseUaSecurityProtocolId(text: string): UaSecurityProtocolId {
  if (!isHex(text, 5)) malformed('a Ua security protocol id is 10 hex digits', text);
  return text.toLowerCase() as UaSecurityProtocolId;
}

/** 01 00 00 00 07 for TLS 1.3, 01 00 01 yy zz with the suite's code for TLS 1.2 (TS 33.220 H.3). */
export function uaIdOf(binding: TlsBinding): UaSecurityProtocolId {
  if (binding.version === '1.3') return '0100000007' as UaSecurityProtocolId;
  const code = SUITES[binding.suite].code.toString(16).padStart(4, '0');
  return `010001${code}` as UaSecurityProtocolId;
}

/** The reverse of `uaIdOf`; undefined for an id that is not TLS with a suite that we know. */
export function bindingOf(uaId: UaSecurityProtocolId): TlsBinding | undefined {
  return BINDINGS.get(uaId);
}

/** FQDN octets (no length, no NUL) || 5 octets (TS 33.223 3.1). */
export function nafIdOf(fqdn: Fqdn, uaId: UaSecurityProtocolId): NafId {
  return concat(utf8Bytes(fqdn), fromHex(uaId)) as NafId;
}

/** base64(RAND)@BSF-FQDN. `rand` is 16 octets. */
export function bTidOf(rand: Uint8Array, bsfFqdn: Fqdn): BTid {
  return `${view(rand).toString('base64')}@${bsfFqdn}` as BTid;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is the canonical base64 of 16 octets, `@`, and an FQDN. */
export function parseBTid(text: string): { bTid: BTid; rand: Uint8Array; bsfFqdn: Fqdn } {
  const rand = Buffer.from(text.slice(0, 24), 'base64');
  if (rand.length !== 16 || text[24] !== '@' || rand.toString('base64') !== text.slice(0, 24)) {
    malformed('a B-TID is base64(RAND)@BSF', text);
  }
  const bsfFqdn = parseFqdn(text.slice(25));
  return { bTid: bTidOf(rand, bsfFqdn), rand: Uint8Array.from(rand), bsfFqdn };
}

/** The text form of 12 octets. @throws RangeError when there are not 12. */
export function pTidOf(octets: Uint8Array): PTid {
  if (octets.length !== P_TID_OCTETS) throw new RangeError('a P-TID is 12 octets');
  return view(octets).toString('base64url') as PTid;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is 16 base64url characters. */
export function parsePTid(text: string): { pTid: PTid; octets: Uint8Array } {
  if (!/^[A-Za-z0-9_-]{16}$/.test(text)) malformed('a P-TID is 16 base64url characters', text);
  return { pTid: text as PTid, octets: Uint8Array.from(Buffer.from(text, 'base64url')) };
}

/** Namespace, `;`, id: the B-TID by default, the P-TID for a peer that follows TS 33.223. */
export function pskIdentityOf(
  id: BTid | PTid,
  namespace: typeof PSK_NAMESPACE | typeof PSK_NAMESPACE_UICC = PSK_NAMESPACE,
): PskIdentity {
  return `${namespace};${id}` as PskIdentity;
}

/** @throws CodecError ERR_ID_MALFORMED unless it is a namespace of ours, `;`, and a B-TID or P-TID. */
export function parsePskIdentity(text: string): PskIdentity {
  const [namespace = '', id = ''] = text.split(';', 2);
  if (namespace !== PSK_NAMESPACE && namespace !== PSK_NAMESPACE_UICC) {
    malformed('a PSK identity is 3GPP-bootstrapping;ID', text);
  }
  const parsed = id.includes('@') ? parseBTid(id).bTid : parsePTid(id).pTid;
  return pskIdentityOf(parsed, namespace);
}

/** @throws CodecError ERR_ID_MALFORMED unless it is 1 to 43 of `A-Z a-z 0-9 _ -`. */
export function parsePushId(text: string): PushId {
  if (!isPushId(text)) {
    malformed(`a push id is 1 to ${MAX_PUSH_ID} of A-Z a-z 0-9 _ -`, text);
  }
  return text as PushId;
}

/** By a table: a regular expression costs several times as much, and every push has an id. */
function isPushId(text: string): boolean {
  if (text.length === 0 || text.length > MAX_PUSH_ID) return false;
  for (let i = 0; i < text.length; i++) {
    if (IS_BASE64URL[text.charCodeAt(i)] !== 1) return false;
  }
  return true;
}

function malformed(rule: string, got: string): never {
  const shown = JSON.stringify(got.length > 64 ? `${got.slice(0, 64)}...` : got);
  throw new CodecError('ERR_ID_MALFORMED', `${rule}, not ${shown}`);
}

const IS_BASE64URL = new Uint8Array(128);
for (const octet of utf8Bytes('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')) {
  IS_BASE64URL[octet] = 1;
}
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const FQDN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const BINDINGS: ReadonlyMap<string, TlsBinding> = new Map(
  Object.entries(SUITES)
    .filter(
      (entry): entry is [Tls12Suite, (typeof SUITES)[Tls12Suite]] => entry[1].version === '1.2',
    )
    .map(([suite]): TlsBinding => ({ version: '1.2', suite }))
    .concat({ version: '1.3' })
    .map((binding) => [uaIdOf(binding), binding]),
);
