import { request } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { nafIdOf, parseFqdn, parsePTid, uaIdOf } from '../../src/ids.ts';
import { openRemoteBsf } from '../../src/naf/remote-bsf.ts';
import { parseHttp2Address } from '../../src/net/http2-address.ts';
import { packageFile, loadTlsPolicy } from '../../src/store/policy.ts';
import { readUsim } from '../../src/store/subscribers.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { bootstrapOverUb } from '../../src/ue/ub-client.ts';
import { createUsim } from '../../src/ue/usim.ts';
import {
  call,
  startProcess,
  temporaryFolder,
  writeKeyFile,
  type Command,
} from '../support/command.ts';

const policy = loadTlsPolicy();
const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
const key = 'cd'.repeat(32);
const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
const uaId = uaIdOf({ version: '1.3' });

interface Ready {
  readonly event: string;
  readonly nbsp: readonly string[];
  readonly ub: string;
  readonly pid: number;
}

function files(t: ExecutionContext): { folder: string; nafs: string } {
  const folder = temporaryFolder(t);
  const common = { fqdns: [nafFqdn], mayLearnImpi: true };
  const nafs = writeKeyFile(join(folder, 'nafs.json'), {
    nafs: [
      { name: 'near', token, ...common },
      { name: 'far', psk: { identity: 'far.example.org', key }, ...common },
    ],
  });
  return { folder, nafs };
}

async function ready(bsf: Command): Promise<Ready> {
  return JSON.parse(await bsf.says(/\{"event":"ready".*\n/)) as Ready;
}

test('naf-push bsf lets a UE bootstrap and gives NAFs their keys, over TLS and a socket file', async (t) => {
  const { folder, nafs } = files(t);
  const socket = join(folder, 'bsf.sock');
  const bsf = startProcess(t, 'naf-push', [
    ...['bsf', '--json', '--nafs', nafs, '--state', join(folder, 'state')],
    ...['--listen', 'https://127.0.0.1:0', '--listen', `unix:${socket}`, '--ub', '127.0.0.1:0'],
  ]);
  const { nbsp, ub, pid } = await ready(bsf);
  t.is(bsf.pid, pid);
  t.is(nbsp.length, 2);
  t.is(nbsp[1], `unix:${socket}`);
  const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
  const usim = createUsim({ credentials, store: openMemoryStore() });
  const { bTid, keys } = await bootstrapOverUb({ bsf: new URL(ub), usim, clock });
  const ksNaf = await keys.derive(nafIdOf(nafFqdn, uaId));
  const proofs = [{ identity: 'far.example.org', key: Buffer.from(key, 'hex') }, { token }];
  for (const [index, proof] of proofs.entries()) {
    const address = parseHttp2Address(nbsp[index] ?? '');
    const remote = openRemoteBsf({ address, proof, policy, clock });
    const info = await remote.bootstrapInfo({ bTid, nafFqdn, uaId });
    t.deepEqual(info.ksNaf, ksNaf);
    t.is(info.impi, credentials.impi);
    const { pTid } = parsePTid('AAECAwQFBgcICQoL');
    const requestedExpiresAt = Date.now() + 60_000;
    const asked = { impi: credentials.impi, nafFqdn, uaId, pTid, requestedExpiresAt };
    t.is((await remote.pushInfo(asked)).ksNaf.length, 32);
    await remote.close();
  }
  bsf.interrupt();
  t.is(await bsf.ended, 130);
  t.is(bsf.stderr, '');
});

test('without --json it says on stderr where it serves, and who was refused', async (t) => {
  const { folder } = files(t);
  const bsf = call(t, 'naf-push', ['bsf', '--ub', '127.0.0.1:0', '--state', folder]);
  const url = new URL(
    (await bsf.says(/UEs bootstrap at http:\S+/)).slice('UEs bootstrap at '.length),
  );
  const authorization =
    'Digest username="nobody@example.org", realm="bsf.example.org", nonce="", uri="/", response=""';
  const [response] = (await once(
    request(url, { headers: { authorization } }).end(),
    'response',
  )) as [{ statusCode: number; resume(): void }];
  response.resume();
  t.is(response.statusCode, 403);
  await bsf.says(/refused a UE at 127\.0\.0\.1 over Ub: no subscriber nobody@example\.org/);
  bsf.interrupt();
  t.is(await bsf.ended, 130);
});

test('mistakes are told before anything is served', async (t) => {
  const { folder, nafs } = files(t);
  const open = writeKeyFile(join(folder, 'open.json'), { nafs: [] }, 0o644);
  const state = ['--state', folder];
  const wrong: [string[], number, RegExp][] = [
    [[], 2, /--listen ADDRESS, --ub HOST:PORT/],
    [['--listen', 'https://127.0.0.1:0'], 2, /--listen and --nafs FILE go together/],
    [['--ub', '127.0.0.1:0', '--nafs', nafs], 2, /go together/],
    [['--listen', 'http://192.0.2.1:80', '--nafs', nafs], 2, /clear text/],
    [['--listen', 'https://127.0.0.1:0', '--nafs', open], 1, /ERR_CONFIG_MODE/],
    [['--ub', '0.0.0.0:0'], 1, /ERR_CONFIG_DEMO/],
    [['--listen', 'https://192.0.2.1:0', '--nafs', nafs], 1, /ERR_CONFIG_DEMO/],
    [['--ub', '127.0.0.1:0', '--av', 'exec:/nonexistent'], 1, /no such program/],
  ];
  for (const [args, code, message] of wrong) {
    const bsf = call(t, 'naf-push', ['bsf', ...state, ...args]);
    t.is(await bsf.ended, code, args.join(' '));
    t.regex(bsf.stderr, message);
  }
});
