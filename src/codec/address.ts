/** Addresses as people write them: `host:port`, `[IPv6]:port`, `udp://host:port`. */
import { ConfigError } from '../errors.ts';
import { parseFqdn } from '../ids.ts';
import { ipOctets, ipText, isNumericName, mappedIpv4 } from '../lib/ip.ts';

/** CoAP over TLS, where nothing else is said (RFC 8323 11.5). */
export const COAPS_TCP_PORT = 5684;

/** One end of a connection. */
export interface Endpoint {
  /** A host name in lower case, or an IPv4 or IPv6 address in canonical text, without brackets. */
  readonly host: string;
  /** 0 to 65,535; 0 stands for "any free port" and only where something listens. */
  readonly port: number;
}

/** Where to reach a UE with a trigger: UE_Trp (TS 33.223 3.1). */
export interface TriggerAddress extends Endpoint {
  readonly transport: 'udp' | 'tcp';
}

/**
 * @param rule what an error says was expected; default: of an endpoint alone.
 * @throws ConfigError ERR_CONFIG_ADDRESS unless it is `host:port`, an IPv6 address in brackets.
 */
export function parseEndpoint(text: string, rule = 'host:port or [IPv6]:port'): Endpoint {
  const [, v6, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = canonicalHost(v6, name);
  if (host === undefined) throw expected(rule, text);
  if (Number(port) > 65_535) throw expected(`${rule} with a port up to 65535`, text);
  return { host, port: Number(port) };
}

/** `host:port`, an IPv6 address in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @throws ConfigError ERR_CONFIG_ADDRESS unless it is `udp://host:port`, the same without `udp://`, or `tcp://host:port`. */
export function parseTriggerAddress(text: string): TriggerAddress {
  const [, transport = 'udp', rest = text] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (transport !== 'udp' && transport !== 'tcp') throw expected(TRIGGER_RULE, text);
  return { transport, ...parseEndpoint(rest, TRIGGER_RULE) };
}

const TRIGGER_RULE = 'udp://host:port or tcp://host:port';

/** Where triggers come in when nobody says otherwise: the WAP push port of TS 24.109 J, of this machine. */
export const DEFAULT_TRIGGER: TriggerAddress = { transport: 'udp', host: '127.0.0.1', port: 2948 };

/** `udp://host:port` or `tcp://host:port`. */
export function formatTriggerAddress(address: TriggerAddress): string {
  return `${address.transport}://${formatEndpoint(address)}`;
}

/** True for 127.0.0.0/8, ::1 and `localhost`, which RFC 6761 6.3 keeps on this machine. */
export function isLoopback(host: string): boolean {
  const octets = ipOctets(host);
  const v4 = octets && (mappedIpv4(octets) ?? octets);
  return host === 'localhost' || host === '::1' || (v4?.length === 4 && v4[0] === 127);
}

/** True for the addresses that mean "all of this machine's", which nobody can connect to. */
export function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** The error for a text that is no address. */
export function expected(rule: string, text: string): ConfigError {
  return new ConfigError('ERR_CONFIG_ADDRESS', `expected ${rule}, not ${JSON.stringify(text)}`);
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
