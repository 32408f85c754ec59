/** Wireshark, with our key log and no plug-in of ours, reads a push out of a capture of the real layer. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBsf,
  createHss,
  createTriggerSender,
  createUsim,
  demoConnectPolicy,
  listenForPushes,
  listenPushServer,
  loadTlsPolicy,
  openKeyLog,
  openMemoryHandledLog,
  openMemoryStore,
  parseFqdn,
  readSubscribers,
  readUsim,
  systemClock,
  type TlsBinding,
} from '../../src/index.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { packageFile } from '../../src/store/policy.ts';
import { isThere, testWith } from '../support/peers.ts';

const canCapture = (): boolean => isThere('tshark') && process.getuid?.() === 0;
const test = testWith('tshark', canCapture);

/** Whether a recording and the association's key, learnt later, give away what was said. */
const bindings: readonly (readonly [TlsBinding, forwardSecret: boolean])[] = [
  [{ version: '1.3' }, true],
  [{ version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' }, true],
  [{ version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' }, true],
  [{ version: '1.2', suite: 'PSK-AES128-GCM-SHA256' }, false],
];

for (const [binding, forwardSecret] of bindings) {
  const name = binding.version === '1.2' ? binding.suite : 'TLS 1.3';
  const byKey = forwardSecret ? 'nothing by the pre-shared key' : 'all by the pre-shared key too';
  test(`tshark shows PUT /push/<id> in ${name} by the key log, nothing without it, and ${byKey}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gba-push-capture-'));
    const capture = join(folder, 'push.pcapng');
    const keys = join(folder, 'tls.keys');
    const keylog = openKeyLog(keys);
    const policy = loadTlsPolicy();
    const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
    const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
    const ue = await listenForPushes({
      usim: createUsim({ credentials, store: openMemoryStore() }),
      listen: { transport: 'udp', host: '127.0.0.1', port: 0 },
      policy,
      connectPolicy: demoConnectPolicy,
      versions: ['1.3', '1.2'],
      handler: () => undefined,
      handledLog: openMemoryHandledLog(),
      dangerouslyLogKeys: () => undefined,
    });
    const hss = createHss({ subscribers, store: openMemoryStore() });
    const naf = await listenPushServer({
      bsf: createBsf({ hss, clock: systemClock, policy: policy.keyLifetime }),
      triggers: createTriggerSender({ clock: systemClock }),
      policy,
      binding,
      nafFqdn: parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org'),
      listen: { host: '127.0.0.1', port: 0 },
      triggerAddress: () => ue.address,
      dangerouslyLogKeys: keylog.write,
    });
    const { port } = naf.address;
    try {
      const tshark = spawn('tshark', ['-i', 'lo', '-f', `tcp port ${port}`, '-w', capture], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      for await (const chunk of tshark.stderr) {
        if (String(chunk).includes('Capturing on')) break;
      }
      // dumpcap says so a moment before the filter is in place.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const receipt = await naf.push(credentials.impi, Buffer.from('seen by Wireshark'));
      t.is(receipt.state, 'acked');
      const psk = toHex(naf.associations()[0]?.key ?? EMPTY);
      t.is(psk.length, 64);
      await naf.drain();
      await new Promise((resolve) => setTimeout(resolve, 500));
      tshark.kill('SIGINT');
      await once(tshark, 'close');

      const frames = ['-r', capture, '-d', `tcp.port==${port},tls`, '-Y', 'coap'];
      const read = (...options: readonly string[]): string =>
        spawnSync('tshark', [...frames, ...options, '-V'], { encoding: 'utf8' }).stdout;
      const decoded = read('-o', `tls.keylog_file:${keys}`);
      t.regex(decoded, /Code: PUT \(3\)/);
      t.true(decoded.includes(`Uri-Path: ${receipt.id}`));
      t.true(decoded.includes('Uri-Query: u=2'));
      t.regex(decoded, /Code: 2\.01 Created/);
      t.regex(decoded, /Code: 7\.01 CSM/);
      t.is(read(), '');
      // In its preferences, not among its arguments.
      writeFileSync(join(folder, 'preferences'), `tls.psk: ${psk}\n`, { mode: 0o600 });
      const env = { ...process.env, WIRESHARK_CONFIG_DIR: folder };
      const byPsk = spawnSync('tshark', [...frames, '-V'], { encoding: 'utf8', env }).stdout;
      if (forwardSecret) t.is(byPsk, '');
      else t.true(byPsk.includes(`Uri-Path: ${receipt.id}`));
    } finally {
      keylog.close();
      await naf.close();
      await ue.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
