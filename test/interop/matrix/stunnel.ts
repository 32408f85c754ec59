/** stunnel: a client in its inetd mode, a server that relays; its keys lie in a file of mode 0600. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { is13, isCurve, lacksHybrid, versionIn, type Call, type Peer } from './peer.ts';
import type { Launch } from './pipe.ts';

export const stunnel: Peer = {
  name: 'stunnel',
  from: 'stunnel4',
  version: () => versionIn(['stunnel4', '-version'], /stunnel (\S+)/),
  keyBy: 'a file, mode 0600',
  speech: { client: 'octets', server: 'relay' },
  alpn: false,
  client: (call) =>
    launch(call, [
      'client = yes',
      `connect = 127.0.0.1:${call.port}`,
      `PSKidentity = ${call.identity}`,
    ]),
  server: (call) => ({
    ...launch(call, [
      'pid =',
      '[naf]',
      `accept = 127.0.0.1:${call.port}`,
      `connect = 127.0.0.1:${call.plain}`,
    ]),
    listening: /bound to 127\.0\.0\.1:(\d+)/,
  }),
  cannot: (cell) => lacksHybrid(cell, /Invalid groups list in 'curves'/),
};

function launch(call: Call, own: readonly string[]): Launch {
  const { suite, group, identity, key, folder } = call;
  const role = own.includes('client = yes') ? 'client' : 'server';
  const [file, secrets] = [join(folder, `${role}.conf`), join(folder, `${role}.secrets`)];
  const lines = [
    ...['foreground = yes', 'debug = info', 'syslog = no', ...own, `PSKsecrets = ${secrets}`],
    ...(is13(call)
      ? ['sslVersion = TLSv1.3', `ciphersuites = ${suite}`]
      : ['sslVersion = TLSv1.2', `ciphers = ${suite}`]),
    ...(isCurve(group) ? [`curves = ${group}`] : []),
  ];
  writeFileSync(secrets, `${identity}:${key}\n`, { mode: 0o600 });
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  return { command: ['stunnel4', file], tells: [new RegExp(`ciphersuite: ${suite} `)] };
}
