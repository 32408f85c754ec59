/** Where a UE shall connect, as the messages of profile upa-1 carry it (docs/wire.md). */
import { CodecError } from '../errors.ts';
import { parseFqdn } from '../ids.ts';
import { ByteReader, concat, EMPTY, octetCount, uintBytes, utf8Bytes, view } from '../lib/bytes.ts';
import { ipOctets, ipText, isNumericName, mappedIpv4 } from '../lib/ip.ts';
import type { Endpoint } from './address.ts';

/**
 * Kind 1 IPv4, 2 IPv6, 3 host name; the address; two octets of port. Nothing for undefined.
 * @throws CodecError ERR_UPA_MALFORMED or ERR_ID_MALFORMED for an address that nobody can connect to.
 */
export function encodeConnect(connect: Endpoint | undefined): Uint8Array {
  if (connect === undefined) return EMPTY;
  const { host, port } = connect;
  if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) throw malformed(PORT_RULE);
  const ip = ipOctets(host);
  const address = ip === undefined ? undefined : (mappedIpv4(ip) ?? ip);
  const kind = address === undefined ? KIND_NAME : address.length === 4 ? KIND_IPV4 : KIND_IPV6;
  return concat(
    uintBytes(kind, 1),
    address ?? utf8Bytes(requireHostName(host.toLowerCase())),
    uintBytes(port, 2),
  );
}

/** The reverse; undefined for no octets. @throws CodecError ERR_UPA_MALFORMED or ERR_ID_MALFORMED. */
export function decodeConnect(octets: Uint8Array): Endpoint | undefined {
  if (octets.length === 0) return undefined;
  const reader = new ByteReader(octets, short);
  const kind = reader.uint(1);
  const host = decodeHost(kind, reader.take(Math.max(0, reader.left - 2)));
  const port = reader.uint(2);
  if (port === 0) throw malformed(PORT_RULE);
  return { host, port };
}

function decodeHost(kind: number, octets: Uint8Array): string {
  if (kind === KIND_IPV4 && octets.length === 4) return ipText(octets);
  if (kind === KIND_IPV6 && octets.length === 16 && !mappedIpv4(octets)) return ipText(octets);
  if (kind === KIND_NAME) return requireHostName(view(octets).toString('latin1'));
  throw malformed('a connect address is kind 1 with IPv4, 2 with IPv6 or 3 with a host name');
}

/** Refuses what a resolver would read as an address, so that each address has one form only. */
function requireHostName(text: string): string {
  if (isNumericName(text) || parseFqdn(text) !== text) {
    throw malformed('a connect host name is lower case and no number');
  }
  return text;
}

function short(wanted: number, left: number): CodecError {
  return malformed(`the connect address ends ${octetCount(wanted - left)} early`);
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}

const KIND_IPV4 = 1;
const KIND_IPV6 = 2;
const KIND_NAME = 3;
const PORT_RULE = 'a port is 1 to 65535';
