/** Sets of IP addresses, and the addresses of names. */
import { lookup as dnsLookup } from 'node:dns/promises';
import { expected } from '../codec/address.ts';
import { ipOctets } from '../lib/ip.ts';

/** All IP addresses of a host name. Rejects when there are none. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** The addresses that the operating system gives, in its order. */
export const systemLookup: Lookup = async (name) =>
  (await dnsLookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** A set of IP addresses. */
export interface Network {
  /** False for text that is no IP address. */
  contains(address: string): boolean;
}

/** @throws ConfigError ERR_CONFIG_ADDRESS unless it is an IP address, alone or with `/bits`. */
export function parseNetwork(text: string): Network {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const octets = ipOctets(address);
  const width = (octets?.length ?? 0) * 8;
  const prefix = bits === undefined ? width : Number(bits);
  if (octets === undefined || prefix > width) {
    throw expected('an IP address, alone or with /bits', text);
  }
  const network = inIpv6(octets);
  const bitsAlike = prefix + 128 - width;
  return {
    contains(candidate) {
      const inside = ipOctets(candidate);
      return inside !== undefined && beginAlike(inIpv6(inside), network, bitsAlike);
    },
  };
}

/** 16 octets: an IPv4 address as the IPv4-mapped address that stands for it. */
function inIpv6(octets: Uint8Array): Uint8Array {
  if (octets.length === 16) return octets;
  const mapped = new Uint8Array(16);
  mapped.fill(0xff, 10, 12);
  mapped.set(octets, 12);
  return mapped;
}

function beginAlike(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i += 1) if (a[i] !== b[i]) return false;
  return (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff00 >> (bits & 7)) & 0xff) === 0;
}
