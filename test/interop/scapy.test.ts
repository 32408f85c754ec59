/** Scapy, a packet tool with a TLS of its own in Python, dials the NAF. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pskIdentityOf, subscribe } from '../../src/index.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { impi, openNaf } from '../support/ladder.ts';
import { testWith } from '../support/peers.ts';
import { createSim } from '../support/sim.ts';
import { scapyVersion } from './matrix/others.ts';

const test = testWith('python3-scapy', () => scapyVersion() !== undefined);
const script = fileURLToPath(new URL('./peers/scapy_client.py', import.meta.url));
const SUITES = { TLS_AES_128_GCM_SHA256: '1301', TLS_CHACHA20_POLY1305_SHA256: '1303' } as const;

for (const [suite, code] of Object.entries(SUITES)) {
  for (const group of ['x25519', 'secp256r1']) {
    test(`scapy opens a layer by its own TLS 1.3, ${suite}, ${group}`, async (t) => {
      const naf = await openNaf(t, createSim(impi), { bootstrap: false });
      const { sa } = await naf.announce(impi);
      const [identity, key] = [pskIdentityOf(sa.bTid), toHex(sa.key)];
      const run = async (hex: string): Promise<string> => {
        const client = spawn('/usr/bin/python3', [script, String(naf.address.port), code, group], {
          timeout: 60_000,
        });
        t.teardown(() => client.kill());
        const chunks: Buffer[] = [];
        for (const out of [client.stdout, client.stderr]) {
          out.on('data', (chunk: Buffer) => chunks.push(chunk));
        }
        client.stdin.end(`${identity}\n${hex}\n`);
        await once(client, 'close');
        return Buffer.concat(chunks).toString();
      };
      const events: string[] = [];
      t.teardown(subscribe('gba:tls:secured', (event) => events.push(event.suite)));
      t.teardown(subscribe('gba:tls:refused', (event) => events.push(event.code)));
      const refused = await run(`${key.startsWith('00') ? '01' : '00'}${key.slice(2)}`);
      t.false(refused.includes(PONG), refused);
      const said = await run(key);
      t.true(said.includes(PONG), said);
      t.deepEqual(events, ['ERR_CHANNEL_REFUSED', suite]);
    });
  }
}

/** As Python prints its code and token. */
const PONG = String.raw`\xe3\x07`;
