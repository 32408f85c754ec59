/** The connect address of an envelope or a wake, field by field (docs/wire.md). */
import type { FieldReader } from '../codec/fields.ts';
import { CodecError } from '../errors.ts';
import { parseFqdn } from '../ids.ts';
import { view } from '../lib/bytes.ts';
import { ipText, isNumericName, mappedIpv4 } from '../lib/ip.ts';
import { decimal } from './sheet.ts';

/** Reads its length and the address itself, as `connectFields` names them. @throws CodecError. */
export function readConnect(reader: FieldReader): void {
  const connect = reader.part('connect address', reader.uint('connect address length'));
  if (connect.left === 0) return;
  const kind = connect.uint('kind');
  connect.take(KINDS.get(kind) ?? 'connect address', Math.max(0, connect.left - 2));
  connect.take('port', 2);
}

/** What each field says in words; `none` is what the absence of an address says. */
export function connectFields(none: string): Record<string, (octets: Uint8Array) => string> {
  return {
    'connect address length': (octets) => (octets[0] === 0 ? `0: ${none}` : decimal(octets)),
    'connect address': () => {
      throw malformed('a connect address is kind 1 with IPv4, 2 with IPv6 or 3 with a host name');
    },
    kind: ([kind = 0]) => KINDS.get(kind) ?? 'unknown',
    'IPv4 address': (octets) => ip(octets, 4),
    'IPv6 address': (octets) => ip(octets, 16),
    'host name': hostName,
    port: (octets) => positive('a port', octets),
  };
}

/** @throws CodecError for 0. */
export function positive(what: string, octets: Uint8Array): string {
  const value = decimal(octets);
  if (value === '0') throw malformed(`${what} is 1 to 65535`);
  return value;
}

function ip(octets: Uint8Array, length: number): string {
  if (octets.length !== length || mappedIpv4(octets)) {
    throw malformed(
      'an address has 4 octets (IPv4) or 16 (IPv6), and IPv4 is never mapped into IPv6',
    );
  }
  return ipText(octets);
}

function hostName(octets: Uint8Array): string {
  const text = view(octets).toString('latin1');
  if (isNumericName(text) || parseFqdn(text) !== text) {
    throw malformed('a connect host name is lower case and no number');
  }
  return text;
}

function malformed(rule: string): CodecError {
  return new CodecError('ERR_UPA_MALFORMED', rule);
}

const KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'IPv4 address'],
  [2, 'IPv6 address'],
  [3, 'host name'],
]);
