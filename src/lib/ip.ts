/** IP addresses as octets and as canonical text (RFC 4291, RFC 5952). */
import { view } from './bytes.ts';

/** 4 or 16 octets, or undefined when the text is no IP address; one with a zone id is none. */
export function ipOctets(text: string): Uint8Array | undefined {
  return text.includes(':') ? ipv6Octets(text) : ipv4Octets(text);
}

/** The text of 4 or 16 octets. @throws RangeError for any other number. */
export function ipText(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
  if (octets.length !== 16) throw new RangeError('an IP address is 4 or 16 octets');
  const groups = Array.from({ length: 8 }, (_, i) =>
    view(octets)
      .readUInt16BE(i * 2)
      .toString(16),
  );
  return canonicalIpv6(groups.join(':'));
}

/** The 4 octets inside an IPv4-mapped IPv6 address, `::ffff:a.b.c.d` (RFC 4291 2.5.5.2); else undefined. */
export function mappedIpv4(octets: Uint8Array): Uint8Array | undefined {
  const mapped = octets.length === 16 && octets.every((octet, i) => i >= 12 || octet === PREFIX[i]);
  return mapped ? octets.slice(12) : undefined;
}

/**
 * What one sender can hardly have many of: an IPv4 address, or the /64 of an IPv6 address.
 * Other text is returned as it is.
 */
export function sourceOf(host: string): string {
  if (!host.includes(':')) return host;
  const octets = ipOctets(host);
  if (octets === undefined) return host;
  const v4 = mappedIpv4(octets) ?? (octets.length === 4 ? octets : undefined);
  return v4 ? ipText(v4) : ipText(octets.map((octet, i) => (i < 8 ? octet : 0)));
}

/** True when resolvers may read the name as an address: its last label is a number, as in `127.1`. */
export function isNumericName(text: string): boolean {
  return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(text);
}

/** Four decimal numbers below 256, none with a zero in front. */
function ipv4Octets(text: string): Uint8Array | undefined {
  if (text.length > 15) return undefined;
  const octets = new Uint8Array(4);
  let at = 0;
  let value = NO_DIGIT;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit >= 0 && digit <= 9 && value !== 0) {
      value = value === NO_DIGIT ? digit : value * 10 + digit;
      if (value > 255) return undefined;
    } else if (text[i] === '.' && value !== NO_DIGIT && at < 3) {
      octets[at] = value;
      at += 1;
      value = NO_DIGIT;
    } else {
      return undefined;
    }
  }
  octets[3] = value;
  return at === 3 && value !== NO_DIGIT ? octets : undefined;
}

function ipv6Octets(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]`)) return undefined;
  const [head = [], tail] = canonicalIpv6(text)
    .split('::')
    .map((side) => side.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - (tail?.length ?? 0) }, () => '0');
  const groups = [...head, ...(tail === undefined ? [] : [...zeros, ...tail])];
  const octets = Buffer.alloc(16);
  groups.forEach((group, i) => octets.writeUInt16BE(parseInt(group, 16), i * 2));
  return Uint8Array.from(octets);
}

/** Shortest form with hex groups only; the URL standard's host serialiser does the work. */
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

const PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const ZERO = 0x30;
const NO_DIGIT = -1;
