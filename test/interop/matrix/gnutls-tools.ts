/** GnuTLS's own tools. `gnutls-serv` keeps its keys in a file; `gnutls-cli` takes one as an argument. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GNUTLS_GROUPS, GNUTLS_SUITES } from './gnutls-words.ts';
import { is13, lacksHybrid, versionIn, type Peer } from './peer.ts';

export const gnutlsTools: Peer = {
  name: 'GnuTLS tools',
  from: 'gnutls-bin',
  version: () => versionIn(['gnutls-serv', '--version'], /^gnutls-serv (\S+)/),
  keyBy: 'server: a file, mode 0600; client: an argument',
  speech: { client: 'octets', server: 'echo' },
  anyPort: false,
  client: ({ suite, group, identity, key, port }) => ({
    command: [
      ...(['gnutls-cli', '127.0.0.1', '-p', String(port), '--pskusername', identity] as const),
      ...[
        '--pskkey',
        key,
        '--alpn',
        'coap',
        '--priority',
        GNUTLS_SUITES[suite] + GNUTLS_GROUPS[group],
      ],
    ],
    preamble: /^- Simple Client Mode:\n\n/m,
    tells: [],
  }),
  server: ({ suite, group, identity, key, port, folder }) => {
    const secrets = join(folder, 'psk.passwd');
    writeFileSync(secrets, `${identity}:${key}\n`, { mode: 0o600 });
    return {
      command: [
        ...(['gnutls-serv', '--echo', '--nodb', '--alpn', 'coap', '-p', String(port)] as const),
        ...['--pskpasswd', secrets, '--pskhint', '3GPP-bootstrapping'],
        ...['--priority', GNUTLS_SUITES[suite] + GNUTLS_GROUPS[group]],
      ],
      listening: /^Echo Server listening on IPv4 0\.0\.0\.0 port (\d+)\.\.\.done/m,
      tells: [],
    };
  },
  cannot: (cell) => {
    const lacking = lacksHybrid(cell, /Syntax error at: \+GROUP-X25519-MLKEM768/);
    if (lacking) return lacking;
    const crashes = !is13(cell) && !cell.suite.startsWith('PSK-');
    if (cell.role === 'server' || !crashes) return undefined;
    const why =
      'gnutls-cli crashes at the end of a TLS 1.2 handshake with (EC)DHE-PSK, also with gnutls-serv';
    return { why, says: /^ended: SIGSEGV$/m };
  },
};
