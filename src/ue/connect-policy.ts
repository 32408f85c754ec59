/** Where a NAF may make this UE connect to; without it a hostile NAF aims a fleet at a victim. */
import { z } from 'zod';
import { ConfigError, GbaError } from '../errors.ts';
import { parseFqdn, type Fqdn } from '../ids.ts';
import { ipOctets, ipText } from '../lib/ip.ts';
import { COAPS_TCP_PORT, type Endpoint } from '../codec/address.ts';
import { parseNetwork, type Lookup, type Network } from '../net/network.ts';

/** One permission: addresses by network, or as the DNS gives them for a name; on one port or any. */
export type ConnectRule = { readonly port: number | '*' } & (
  | { readonly kind: 'network'; readonly network: Network }
  /** `own` is the name of the NAF that the rule is applied to. */
  | { readonly kind: 'name'; readonly name: Fqdn | 'own' }
);

/** NAF FQDN to rules; `*` stands for the names that are not listed. */
export type ConnectPolicy = ReadonlyMap<Fqdn | '*', readonly ConnectRule[]>;

/**
 * Reads `{"<NAF FQDN or *>": [entry, ...]}`. An entry is `192.0.2.0/24:5684`, `[2001:db8::/32]:*`,
 * `host.example:5684` (the addresses that the DNS gives for that name) or `dns:5684` (for the NAF's own).
 * @throws ConfigError ERR_CONFIG_ADDRESS that names the entry.
 */
export function parseConnectPolicy(value: unknown): ConnectPolicy {
  const parsed = PolicyJson.safeParse(value);
  if (!parsed.success) {
    refuse('a connect policy is an object of NAF name (or *) to a list of entries');
  }
  return new Map(
    Object.entries(parsed.data).map(([naf, entries]) => [
      naf === '*' ? naf : parseName(naf),
      entries.map(parseRule),
    ]),
  );
}

/** What a UE does that nobody configured: the NAF's own addresses at 5684, and nothing else. */
export const defaultConnectPolicy: ConnectPolicy = new Map();

/**
 * The addresses to dial, in order, never a name: each is allowed, and a later change of the DNS
 * cannot move them. `connect` is what the envelope says; undefined means the NAF's own, port 5684.
 * @throws GbaError ERR_GPI_POLICY when none is allowed, ERR_UPA_ADDRESS (retryable) when a name that
 * matters cannot be resolved.
 */
export async function resolveConnect(
  policy: ConnectPolicy,
  nafFqdn: Fqdn,
  connect: Endpoint | undefined,
  lookup: Lookup,
): Promise<readonly Endpoint[]> {
  const { host, port } = connect ?? { host: nafFqdn, port: COAPS_TCP_PORT };
  const rules = (policy.get(nafFqdn) ?? policy.get('*') ?? OWN_ADDRESS).filter(
    (rule) => rule.port === '*' || rule.port === port,
  );
  const permits = async (address: string): Promise<boolean> => {
    for (const rule of rules) {
      if (rule.kind === 'network' && rule.network.contains(address)) return true;
    }
    for (const rule of rules) {
      if (rule.kind !== 'name') continue;
      const name = rule.name === 'own' ? nafFqdn : rule.name;
      if (name === host || (await addressesOf(name, lookup)).includes(address)) return true;
    }
    return false;
  };
  const allowed: Endpoint[] = [];
  if (rules.length > 0) {
    for (const address of await addressesOf(host, lookup)) {
      if (await permits(address)) allowed.push({ host: address, port });
    }
  }
  if (allowed.length > 0) return allowed;
  throw new GbaError(
    'ERR_GPI_POLICY',
    `${nafFqdn} may not make this UE connect to ${host} port ${port}`,
  );
}

/** True when some NAF may be at that address, by whatever port; a policy that only says `dns` does not know. */
export async function isNafHost(
  policy: ConnectPolicy,
  address: string,
  lookup: Lookup,
): Promise<boolean> {
  for (const rule of [...policy.values()].flat()) {
    if (rule.kind === 'network' && rule.network.contains(address)) return true;
    if (rule.kind === 'name' && rule.name !== 'own') {
      const addresses = await addressesOf(rule.name, lookup).catch((): string[] => []);
      if (addresses.includes(address)) return true;
    }
  }
  return false;
}

async function addressesOf(host: string, lookup: Lookup): Promise<readonly string[]> {
  const literal = ipOctets(host);
  if (literal !== undefined) return [ipText(literal)];
  try {
    const found = (await lookup(host)).map(ipOctets);
    return found.flatMap((octets) => (octets === undefined ? [] : [ipText(octets)]));
  } catch (cause) {
    throw new GbaError('ERR_UPA_ADDRESS', `the DNS gives no address for ${host}`, {
      retryable: true,
      cause,
    });
  }
}

function parseRule(entry: string): ConnectRule {
  const [, v6, other = '', portText] =
    /^(?:\[([^\]]+)\]|([^:[\]]+)):(\*|\d{1,5})$/.exec(entry) ?? [];
  const port = portText === '*' ? portText : Number(portText);
  if (port !== '*' && !(port >= 1 && port <= 65_535)) {
    refuse(`a connect entry is HOST:PORT, HOST:* or dns:PORT, not ${JSON.stringify(entry)}`);
  }
  if (v6 !== undefined || /^[\d./]+$/.test(other)) {
    return { kind: 'network', network: parseNetwork(v6 ?? other), port };
  }
  return { kind: 'name', name: other === 'dns' ? 'own' : parseName(other), port };
}

function parseName(text: string): Fqdn {
  try {
    return parseFqdn(text);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_ADDRESS', `${JSON.stringify(text)} is no host name`, {
      cause,
    });
  }
}

function refuse(rule: string): never {
  throw new ConfigError('ERR_CONFIG_ADDRESS', rule);
}

const PolicyJson = z.record(z.string(), z.array(z.string()));
const OWN_ADDRESS: readonly ConnectRule[] = [{ kind: 'name', name: 'own', port: COAPS_TCP_PORT }];

/** For the demonstration alone: any port, but of this machine. */
export const demoConnectPolicy = parseConnectPolicy({ '*': ['127.0.0.0/8:*', '[::1]:*'] });
