/** Sets of IP addresses, and the addresses of names. */
import { lookup as dnsLookup } from 'node:dns/promises';
import { BlockList } from 'node:net';
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
  const list = new BlockList();
  list.addSubnet(address, prefix, familyOf(octets));
  return {
    contains(candidate) {
      const inside = ipOctets(candidate);
      return inside !== undefined && list.check(candidate, familyOf(inside));
    },
  };
}

function familyOf(octets: Uint8Array): 'ipv4' | 'ipv6' {
  return octets.length === 4 ? 'ipv4' : 'ipv6';
}
