/** Addresses as people write them: `host:port`, `[v6]:port`, `udp://host:port`, and networks. */
import { lookup as dnsLookup } from 'node:dns/promises';
import { BlockList } from 'node:net';
import { ConfigError } from '../errors.ts';
import { parseFqdn } from '../ids.ts';
import { ipOctets, ipText, isNumericName, mappedIpv4 } from '../lib/ip.ts';
import type { TriggerAddress } from '../ports.ts';

/** One end of a connection. */
export interface Endpoint {
  /** A host name in lower case, or an IPv4 or IPv6 address in canonical text, without brackets. */
  readonly host: string;
  /** 0 to 65,535; 0 stands for "any free port" and only where something listens. */
  readonly port: number;
}

/** All IP addresses of a host name. Rejects when there are none. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** The addresses that the operating system gives, in its order. */
export const systemLookup: Lookup = async (name) =>
  (await dnsLookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** @throws ConfigError ERR_CONFIG_ADDRESS unless it is `host:port`, an IPv6 address in brackets. */
export function parseEndpoint(text: string): Endpoint {
  const [, v6, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = canonicalHost(v6, name);
  if (host === undefined || Number(port) > 65_535) refuse(text, 'host:port or [IPv6]:port');
  return { host, port: Number(port) };
}

/** `host:port`, an IPv6 address in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @throws ConfigError ERR_CONFIG_ADDRESS unless it is `udp://host:port`, or the same without `udp://`. */
export function parseTriggerAddress(text: string): TriggerAddress {
  const [, scheme, rest = text] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme !== undefined && scheme !== 'udp') refuse(text, 'udp://host:port');
  return { transport: 'udp', ...parseEndpoint(rest) };
}

/** `udp://host:port`. */
export function formatTriggerAddress(address: TriggerAddress): string {
  return `${address.transport}://${formatEndpoint(address)}`;
}

/** True for 127.0.0.0/8, ::1 and `localhost`, which RFC 6761 6.3 keeps on this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || LOOPBACK.some((network) => network.contains(host));
}

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
  if (octets === undefined || prefix > width) refuse(text, 'an IP address, alone or with /bits');
  const list = new BlockList();
  list.addSubnet(address, prefix, familyOf(octets));
  return {
    contains(candidate) {
      const inside = ipOctets(candidate);
      return inside !== undefined && list.check(candidate, familyOf(inside));
    },
  };
}

/**
 * What one sender can hardly have many of: an IPv4 address, or the /64 of an IPv6 address as hex.
 * Other text is returned as it is.
 */
export function sourceOf(host: string): string {
  const octets = ipOctets(host);
  if (octets === undefined) return host;
  const v4 = mappedIpv4(octets) ?? (octets.length === 4 ? octets : undefined);
  return v4 ? ipText(v4) : ipText(octets.map((octet, i) => (i < 8 ? octet : 0)));
}

function canonicalHost(v6: string | undefined, name = ''): string | undefined {
  const octets = ipOctets(v6 ?? name);
  if (octets !== undefined) {
    return (v6 === undefined) === (octets.length === 4) ? ipText(octets) : undefined;
  }
  if (v6 !== undefined || isNumericName(name)) return undefined;
  try {
    return parseFqdn(name);
  } catch {
    return undefined;
  }
}

function familyOf(octets: Uint8Array): 'ipv4' | 'ipv6' {
  return octets.length === 4 ? 'ipv4' : 'ipv6';
}

function refuse(text: string, rule: string): never {
  throw new ConfigError('ERR_CONFIG_ADDRESS', `expected ${rule}, not ${JSON.stringify(text)}`);
}

const LOOPBACK = [parseNetwork('127.0.0.0/8'), parseNetwork('::1')];
