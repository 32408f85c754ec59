/** nmap, which nobody here wrote, lists what a TLS 1.2 listener offers: the policy, and nothing else. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TlsPolicy } from '../../src/lib/suites.ts';
import { testWith } from '../support/peers.ts';
import { policy, startNaf } from '../support/tls.ts';

const test = testWith('nmap');
const run = promisify(execFile);

/** As nmap prints them, in the order of the policy; the groups are those that it was given. */
const LISTED = {
  'ECDHE-PSK-CHACHA20-POLY1305': 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 (ecdh_x25519)',
  'DHE-PSK-AES128-GCM-SHA256': 'TLS_DHE_PSK_WITH_AES_128_GCM_SHA256 (dh 2048)',
  'PSK-AES128-GCM-SHA256': 'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'PSK-AES128-CBC-SHA256': 'TLS_PSK_WITH_AES_128_CBC_SHA256',
} as const;

const profiles: readonly TlsPolicy[] = [
  policy,
  ...policy.suites12.map((suite) => ({ ...policy, suites12: [suite] })),
];

for (const own of profiles) {
  const name = own === policy ? 'the policy' : `a policy of ${own.suites12.join()} alone`;
  test(`nmap finds in a TLS 1.2 listener exactly ${name}`, async (t) => {
    const { port } = await startNaf(t, [], { versions: ['1.2'], policy: own });
    const { stdout } = await run('nmap', [
      ...['-sT', '-Pn', '-n', '-p', String(port), '--script', 'ssl-enum-ciphers', '127.0.0.1'],
    ]);
    const lines = stdout.split('\n').flatMap((line) => /^\|[ _]+(.*?)\s*$/.exec(line)?.[1] ?? []);
    const listed = own.suites12.map((suite) => LISTED[suite]);
    t.deepEqual(
      lines.slice(0, lines.indexOf('NULL') + 1).map((line) => line.replace(/ - \w+$/, '')),
      ['ssl-enum-ciphers:', 'TLSv1.2:', 'ciphers:', ...listed, 'compressors:', 'NULL'],
    );
  });
}

test('nmap finds nothing in a TLS 1.3 listener, of which it knows no pre-shared keys', async (t) => {
  const { port } = await startNaf(t, [], { versions: ['1.3'] });
  const { stdout } = await run('nmap', [
    ...['-sT', '-Pn', '-n', '-p', String(port), '--script', 'ssl-enum-ciphers', '127.0.0.1'],
  ]);
  t.regex(stdout, new RegExp(`^${port}/tcp open`, 'm'));
  t.notRegex(stdout, /TLSv|SSLv/);
});
