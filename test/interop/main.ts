/** Every interop test, as a table. When all peers were there, docs/interop.md is made anew. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { isGroupSupported } from '../../src/net/tls.ts';
import { packageFile } from '../../src/store/policy.ts';
import { argumentsOr } from '../support/usage.ts';
import { cellsOf, HYBRID, titleOf, type Cell } from './matrix/cells.ts';
import { others, type Other } from './matrix/others.ts';
import { reasonsOf, renderPage, renderTable, type Found, type Mark } from './matrix/page.ts';
import { is13 } from './matrix/peer.ts';
import { peers } from './matrix/peers.ts';
import { readTap, type Result, type TapTest } from './matrix/tap.ts';

const USAGE = `npm run interop [-- --from LOG]

Runs every interop test and prints the matrix; when all peers were there and none failed, docs/interop.md is made
anew. As root it first installs the peers that are missing (.ci/peers); otherwise those are skipped by name.
--from LOG: prints the matrix of a run before, out of its TAP, runs nothing and writes no page.
Exit code 1: a test failed; with --from or GBA_PUSH_REQUIRE_PEERS=1 also when a peer was not there.`;

const { from } = argumentsOr(
  USAGE,
  () => parseArgs({ options: { from: { type: 'string' } } }).values,
);
const tests = readTap(from === undefined ? await runTests() : readFileSync(from, 'utf8'));
const lacks = isGroupSupported(HYBRID) ? [] : [HYBRID];
const found: Found = { peers, others, markOf, isProved, machine: machine(), lacks };
printTables();

const of = (result: Result): TapTest[] => tests.filter((one) => one.result === result);
const isWhole =
  peers.flatMap(cellsOf).every((cell) => ['works', 'cannot'].includes(markOf(cell))) &&
  others.every(isProved);
if (from === undefined) {
  for (const { file, title } of of('failed')) console.log(`FAILED ${file}: ${title}`);
  for (const { file, title } of of('skipped')) console.log(`skipped ${file}: ${title}`);
  if (isWhole) writeFileSync(packageFile('docs/interop.md'), renderPage(found));
  else console.log('not every peer was there, or one failed: docs/interop.md is as it was');
  const counts = (['passed', 'failed', 'skipped'] as const).map(
    (result) => `${of(result).length} ${result}`,
  );
  console.log(counts.join(', '));
}
const mustBeWhole = from !== undefined || process.env['GBA_PUSH_REQUIRE_PEERS'] === '1';
if ((from === undefined && of('failed').length > 0) || (mustBeWhole && !isWhole)) {
  process.exitCode = 1;
}

/** The TAP of all interop tests. */
async function runTests(): Promise<string> {
  if (process.getuid?.() === 0) spawnSync(packageFile('.ci/peers'), { stdio: 'inherit' });
  const ava = packageFile('node_modules/ava/entrypoints/cli.mjs');
  const child = spawn(
    process.execPath,
    [ava, '--tap', 'test/interop/**', '!test/interop/page.test.ts'],
    {
      cwd: packageFile('.'),
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let tap = '';
  child.stdout.on('data', (chunk: Buffer) => {
    tap += chunk.toString();
    if (process.stderr.isTTY) process.stderr.write(`\r${readTap(tap).length} tests`);
  });
  await once(child, 'close');
  return tap;
}

function markOf(cell: Cell): Mark {
  const title = titleOf(cell);
  const one = tests.find((candidate) => candidate.title === title);
  if (one === undefined || one.result === 'skipped') return 'not run';
  if (one.result === 'failed') return 'failed';
  return peers.find(({ name }) => name === cell.peer)?.cannot(cell) ? 'cannot' : 'works';
}

function isProved({ file, titles = /^/ }: Other): boolean {
  const name = basename(file, '.test.ts');
  const own = tests.filter((one) => one.file === name && titles.test(one.title));
  return own.length > 0 && own.every(({ result }) => result === 'passed');
}

function machine(): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const [, system = process.platform] = /^PRETTY_NAME="(.*)"$/m.exec(release) ?? [];
  return `${system}, Node.js ${process.versions.node} with OpenSSL ${process.versions.openssl}`;
}

function printTables(): void {
  for (const of13 of [true, false]) {
    const lines = renderTable(found, (terms) => is13(terms) === of13);
    const rows = lines.filter((_, i) => i !== 1).map((line) => line.split('|').slice(1, -1));
    const widths = rows.reduce<number[]>(
      (most, row) => row.map((text, i) => Math.max(most[i] ?? 0, text.length)),
      [],
    );
    console.log(`\n${of13 ? 'TLS 1.3' : 'TLS 1.2'}`);
    for (const row of rows) {
      console.log(
        row
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join('|')
          .trimEnd(),
      );
    }
  }
  console.log('');
  reasonsOf(peers).forEach((why, i) => {
    console.log(`(${i + 1}) ${why}`);
  });
  console.log('');
  for (const other of others) {
    console.log(`${isProved(other) ? 'yes' : 'NO '}  ${other.name}: ${other.proves}`);
  }
  console.log('');
}
