/** Peers that are a small program around a library (test/interop/peers), which reads identity and key from stdin. */
import type { SuiteName } from '../../../src/lib/suites.ts';
import type { Group, Role } from './cells.ts';
import { codeOf, is13, versionIn, type Call, type Peer } from './peer.ts';

/** A program, and what comes before its own arguments. */
export type Program = readonly [program: string, ...args: string[]];

export interface Piped extends Pick<Peer, 'name' | 'from' | 'refusal' | 'cannot'> {
  /** The file of its source. */
  readonly source: string;
  /** Undefined when it cannot be compiled here. */
  readonly program: () => Program | undefined;
  /** The library's words; without one for a group it is told `none`. */
  readonly suites: Readonly<Record<SuiteName, string>>;
  readonly groups: Partial<Record<Group, string>>;
  /** What the library calls the group that it has agreed on, if it tells. */
  readonly agreed?: Partial<Record<Group, string>>;
}

export function piped(given: Piped): Peer {
  const { source, program, suites, groups, agreed = {}, ...peer } = given;
  const launch = (role: Role) => (call: Call) => {
    const { suite, group, identity, key, port } = call;
    const version = is13(call) ? '13' : '12';
    const [command, ...args] = program() ?? [source];
    const terms = [role, version, suites[suite], groups[group] ?? 'none', String(port)];
    return {
      command: [command, ...args, ...terms] as const,
      input: `${identity}\n${key}\n`,
      tells: [`suite: ${codeOf(suite)}`, ...(agreed[group] ? [`group: ${agreed[group]}`] : [])].map(
        (line) => new RegExp(`^${line}$`, 'm'),
      ),
    };
  };
  return {
    ...peer,
    version: () => {
      const found = program();
      return found && versionIn([...found, 'version'], /^(\S+)/);
    },
    keyBy: `stdin of \`test/interop/peers/${source}\``,
    speech: { client: 'octets', server: 'octets' },
    client: launch('client'),
    server: launch('server'),
  };
}

/** The IANA codes of all suites of the policy, in hex. */
export const SUITE_CODES: Readonly<Record<SuiteName, string>> = {
  TLS_AES_128_GCM_SHA256: '1301',
  TLS_CHACHA20_POLY1305_SHA256: '1303',
  'ECDHE-PSK-CHACHA20-POLY1305': 'ccac',
  'DHE-PSK-AES128-GCM-SHA256': '00aa',
  'PSK-AES128-GCM-SHA256': '00a8',
  'PSK-AES128-CBC-SHA256': '00ae',
};

/** The IANA codes of the groups. */
export const GROUP_CODES: Partial<Record<Group, string>> = {
  X25519: '29',
  'P-256': '23',
  X25519MLKEM768: '4588',
};
