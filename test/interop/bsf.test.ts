/** The BSF as a process, asked by programs that nobody here wrote: curl, and h2load by the thousand. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { decodeGpi } from '../../src/codec/gpi.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { startProcess, temporaryFolder, writeKeyFile } from '../support/command.ts';
import { faultsOfReply } from '../support/nbsp-schema.ts';
import { BOOTSTRAPPING, PUSH, pushBody } from '../support/nbsp.ts';
import { testWith } from '../support/peers.ts';

const run = promisify(execFile);
const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
const asJson = ['-H', 'Content-Type: application/json'];

interface Bsf {
  readonly folder: string;
  readonly nafs: string;
  readonly socket: string;
}

function place(t: ExecutionContext): Bsf {
  const folder = temporaryFolder(t);
  const naf = {
    name: 'alerts',
    token,
    fqdns: [pushBody.nafId.nafFqdn],
    vectors: { burst: 10_000, perSecond: 10_000 },
  };
  const nafs = writeKeyFile(join(folder, 'nafs.json'), { nafs: [naf] });
  return { folder, nafs, socket: join(folder, 'bsf.sock') };
}

const args = ({ folder, nafs, socket }: Bsf): string[] => [
  ...['bsf', '--json', '--quiet', '--nafs', nafs, '--state', join(folder, 'state')],
  ...['--listen', 'http://127.0.0.1:0', '--listen', `unix:${socket}`, '--ub', '127.0.0.1:0'],
];

testWith('curl')('curl asks over HTTP/2 on loopback and on a socket file', async (t) => {
  const bsf = place(t);
  const naf = startProcess(t, 'naf-push', args(bsf));
  const line = await naf.says(/\{"event":"ready".*\n/);
  const [http = ''] = (JSON.parse(line) as { nbsp: string[] }).nbsp;
  t.is(statSync(bsf.socket).mode & 0o777, 0o600);

  const ask = async (where: readonly string[], path: string, body: object, shown: string) => {
    const file = join(bsf.folder, 'body.json');
    writeFileSync(file, JSON.stringify(body));
    const { stdout } = await run('curl', [
      ...['-s', '--http2-prior-knowledge', '-w', '\n%{http_version} %{http_code} %{content_type}'],
      ...[...asJson, '-H', `Authorization: Bearer ${shown}`, '--data-binary', `@${file}`],
      ...where.slice(1),
      `${where[0] ?? ''}${path}`,
    ]);
    const [answer = '', told = ''] = stdout.split('\n');
    const [version, status, type = ''] = told.split(' ');
    const json = JSON.parse(answer) as Record<string, unknown>;
    t.is(version, '2');
    t.deepEqual(faultsOfReply(path, { status: Number(status), type, json }), []);
    return { status: Number(status), json };
  };

  for (const where of [[http], ['http://localhost', '--unix-socket', bsf.socket]]) {
    const { status, json } = await ask(where, PUSH, pushBody, token);
    t.is(status, 200);
    t.is(decodeGpi(fromHex(String(json['gbaPushInfo']))).gbaU, false);
    t.is((await ask(where, PUSH, pushBody, `${token}x`)).status, 401);
    t.is((await ask(where, PUSH, {}, token)).status, 400);
    const unknown = { btId: 'x@bsf.example.org', nafId: pushBody.nafId };
    const gone = await ask(where, BOOTSTRAPPING, unknown, token);
    t.like(gone, { status: 404, json: { cause: 'TRANSACTION_IDENTIFIER_INVALID' } });
  }
  naf.interrupt();
  t.is(await naf.ended, 130);
});

testWith('nghttp')('nghttp asks over HTTP/2 and is answered as curl is', async (t) => {
  const bsf = place(t);
  const naf = startProcess(t, 'naf-push', args(bsf));
  const line = await naf.says(/\{"event":"ready".*\n/);
  const [http = ''] = (JSON.parse(line) as { nbsp: string[] }).nbsp;
  const file = join(bsf.folder, 'body.json');
  writeFileSync(file, JSON.stringify(pushBody));
  const ask = async (shown: string): Promise<string> => {
    const bearer = ['-H', `Authorization: Bearer ${shown}`];
    return (await run('nghttp', ['-v', '-d', file, ...asJson, ...bearer, `${http}${PUSH}`])).stdout;
  };
  const answered = await ask(token);
  t.regex(answered, /:status: 200\n/);
  const [, gpi = ''] = /"gbaPushInfo":"([0-9a-f]+)"/.exec(answered) ?? [];
  t.is(decodeGpi(fromHex(gpi)).gbaU, false);
  t.regex(await ask(`${token}x`), /:status: 401\n/);
  naf.interrupt();
  t.is(await naf.ended, 130);
});

/** Requests of one round; each kind of request has a part of them. */
const ROUND = 1_500;
const ROUNDS = 3;
/** What may stay for good of the requests after the first two rounds: half a KiB for each. */
const HELD_BOUND = ROUND * ROUNDS * 512;
/** The allocator of the system keeps some; a leak of 4 KiB a request would be 18 MB. */
const RSS_BOUND = 16_000_000;

testWith('h2load')('thousands of requests by h2load leave nothing behind', async (t) => {
  t.timeout(300_000);
  const bsf = place(t);
  const bin = fileURLToPath(new URL('../../bin/naf-push.ts', import.meta.url));
  const probe = new URL('../support/memory-probe.mjs', import.meta.url).href;
  const flags = ['--expose-gc', '--max-semi-space-size=1', `--import=${probe}`];
  const child = spawn(process.execPath, [...flags, ...process.execArgv, bin, ...args(bsf)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { nbsp, ub } = JSON.parse(line.toString()) as { nbsp: string[]; ub: string };
  const memory = async () => {
    child.kill('SIGUSR2');
    const [told] = (await once(child.stderr, 'data')) as [Buffer];
    return JSON.parse(told.toString()) as { rss: number; held: number };
  };

  const body = join(bsf.folder, 'body.json');
  writeFileSync(body, JSON.stringify(pushBody));
  const load = async (share: number, ...how: readonly string[]): Promise<string> => {
    const count = String(Math.floor(ROUND / share));
    return (await run('h2load', ['-n', count, '-c', '5', '-m', '10', ...how])).stdout;
  };
  const ask = (shown: string) => [...asJson, '-H', `Authorization: Bearer ${shown}`, '-d', body];
  const digest = `Digest username="${pushBody.ueId}", realm="bsf", nonce="", uri="/", response=""`;
  const round = async (): Promise<void> => {
    const good = await load(2, ...ask(token), `${nbsp[0] ?? ''}${PUSH}`);
    t.regex(good, new RegExp(`status codes: ${ROUND / 2} 2xx`));
    const unix = `unix:${bsf.socket}`;
    const alike = await load(3, ...ask(token), '-B', unix, `http://localhost${PUSH}`);
    t.regex(alike, new RegExp(`status codes: ${ROUND / 3} 2xx`));
    const stranger = await load(12, ...ask(`${token}x`), `${nbsp[0] ?? ''}${PUSH}`);
    t.regex(stranger, new RegExp(`0 2xx, 0 3xx, ${ROUND / 12} 4xx`));
    const flood = await load(12, '--h1', '-H', `Authorization: ${digest}`, `${ub}/`);
    t.regex(flood, new RegExp(`0 2xx, 0 3xx, ${ROUND / 12} 4xx`));
  };
  await round();
  await round();
  const before = await memory();
  for (let n = 0; n < ROUNDS; n += 1) await round();
  const after = await memory();
  t.log(`held ${after.held - before.held} octets more, RSS ${after.rss - before.rss} more`);
  t.true(after.held - before.held < HELD_BOUND, JSON.stringify({ before, after }));
  t.true(after.rss - before.rss < RSS_BOUND, JSON.stringify({ before, after }));
});
