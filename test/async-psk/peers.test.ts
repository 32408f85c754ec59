/** Clients that nobody here wrote, of three TLS stacks, get their keys through the gate. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import type { TlsVersion } from '../../src/lib/suites.ts';
import { testWith } from '../support/peers.ts';
import { until } from '../support/tls.ts';
import { both, identity, key, remoteKeyOf, startGated } from './gated.ts';

const folder = mkdtempSync(join(tmpdir(), 'gba-push-'));
const wolf = join(folder, 'wolfssl-client');
anyTest.after.always(() => {
  rmSync(folder, { recursive: true });
});

const priorities = {
  '1.3': 'NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+PSK:+DHE-PSK',
  '1.2': 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK',
};

interface Peer {
  readonly name: string;
  readonly usable?: () => boolean;
  readonly command: (
    port: number,
    version: TlsVersion,
    psk: string,
  ) => readonly [string, ...string[]];
}

const peers: readonly Peer[] = [
  {
    name: 'openssl',
    command: (port, version, psk) => [
      ...(['openssl', 's_client', '-quiet', '-connect', `127.0.0.1:${port}`] as const),
      ...['-psk_identity', identity, '-psk', psk],
      ...(version === '1.3' ? ['-tls1_3'] : ['-tls1_2', '-cipher', 'PSK-AES128-GCM-SHA256']),
    ],
  },
  {
    name: 'gnutls-cli',
    command: (port, version, psk) => [
      ...(['gnutls-cli', '--port', String(port), '--pskusername', identity] as const),
      ...['--pskkey', psk, '--priority', priorities[version], '127.0.0.1'],
    ],
  },
  {
    name: 'wolfSSL',
    usable: () => compiled(new URL('wolfssl-client.c', import.meta.url)),
    command: (port, version, psk) => [
      ...([wolf, String(port), version.replace('.', '')] as const),
      ...[identity, psk],
    ],
  },
];

for (const { name, usable, command } of peers) {
  const test = testWith(name, usable);
  for (const version of both) {
    test(`${name} opens a TLS ${version} layer with the right key and not with another`, async (t) => {
      const gated = await startGated(t, {
        lookup: remoteKeyOf,
        answerAfterMs: 50,
        tls: { ecdhCurve: 'P-256:X25519' },
      });
      gated.server.on('secureConnection', (socket) => socket.end('hello from the server\n'));
      await run(t, command(gated.port, version, randomBytes(32).toString('hex')));
      await until(() => gated.faults.length > 0);
      t.deepEqual(gated.identities, []);
      const said = await run(t, command(gated.port, version, key.toString('hex')));
      t.deepEqual(gated.identities, [identity], said);
      t.is(gated.asked.at(-1)?.version, version);
      t.regex(said, /hello from the server/);
    });
  }
}

/** What it says until it ends. */
async function run(
  t: ExecutionContext,
  [program, ...args]: readonly [string, ...string[]],
): Promise<string> {
  const child = spawn(program, args);
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  return said;
}

function compiled(source: URL): boolean {
  return spawnSync('cc', [fileURLToPath(source), '-o', wolf, '-lwolfssl']).status === 0;
}
