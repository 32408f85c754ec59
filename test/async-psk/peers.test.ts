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
anyTest.after.always(() => {
  rmSync(folder, { recursive: true });
});

type Command = readonly [program: string, ...args: readonly string[]];

interface Peer {
  readonly name: string;
  readonly usable?: () => boolean;
  readonly command: (port: number, version: TlsVersion, psk: string) => Command;
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
  compiled('libgnutls28-dev', 'gnutls-client', '-lgnutls'),
  compiled('libwolfssl-dev', 'wolfssl-client', '-lwolfssl'),
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
      const another = await run(t, command(gated.port, version, randomBytes(32).toString('hex')));
      t.notRegex(another, /hello from the server/);
      await until(() => gated.faults.length > 0);
      t.deepEqual(gated.identities, []);
      const said = await run(t, command(gated.port, version, key.toString('hex')));
      t.deepEqual(gated.identities, [identity], said);
      t.is(gated.asked.at(-1)?.version, version);
      t.regex(said, /hello from the server/);
    });
  }
}

/** A client of ours in C on the library of this Debian package. */
function compiled(name: string, client: string, library: string): Peer {
  const source = fileURLToPath(new URL(`${client}.c`, import.meta.url));
  const program = join(folder, client);
  return {
    name,
    usable: () => spawnSync('cc', [source, '-o', program, library]).status === 0,
    command: (port, version, psk) => [
      program,
      String(port),
      version.replace('.', ''),
      identity,
      psk,
    ],
  };
}

/** What it says until it ends. */
async function run(t: ExecutionContext, [program, ...args]: Command): Promise<string> {
  const child = spawn(program, args);
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  return said;
}
