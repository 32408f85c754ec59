/** docs/interop.md is about the matrix as it is: every cell is in it, with its outcome. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { packageFile } from '../../src/store/policy.ts';
import { columns, type Cell } from './matrix/cells.ts';
import { others } from './matrix/others.ts';
import { renderPage, renderTable, type Mark } from './matrix/page.ts';
import { is13 } from './matrix/peer.ts';
import { peers } from './matrix/peers.ts';
import { readTap } from './matrix/tap.ts';

const page = readFileSync(packageFile('docs/interop.md'), 'utf8');

function expected({ peer, ...cell }: Cell): Mark {
  const found = peers.find(({ name }) => name === peer);
  return found?.cannot({ peer, ...cell }) ? 'cannot' : 'works';
}

test('the page has every cell of the matrix, each as its test proves it', (t) => {
  const tables = { peers, markOf: expected };
  for (const of13 of [true, false]) {
    const lines = renderTable(tables, (terms) => is13(terms) === of13);
    t.true(page.includes(lines.join('\n')), 'run npm run interop and commit the page');
    t.true(lines.length > peers.length);
  }
  t.is(columns.length, 11);
});

test('the page has a reason for every cell that cannot work, and each other peer', (t) => {
  const named = new Set(Array.from(page.matchAll(/ no \((\d+)\)/g), ([, number]) => number));
  const given = Array.from(page.matchAll(/^(\d+)\. .+\.$/gm), ([, number]) => number);
  t.deepEqual([...named].sort(), given.sort());
  for (const { name } of [...peers, ...others]) t.true(page.includes(`| ${name} |`), name);
  t.notRegex(page, /FAILED|not run|not there|\bNO\b/);
});

test('the page says when our own end has not what a column asks for', (t) => {
  const found = { peers, others, markOf: expected, isProved: () => true, machine: 'one' };
  t.regex(renderPage({ ...found, lacks: ['X448'] }), /\nOur own ends of this run have not X448 /);
  t.notRegex(renderPage({ ...found, lacks: [] }), /Our own ends/);
});

test('what a run says of its tests is read from its lines', (t) => {
  const lines = [
    'ok 1 - interop › matrix-nss › a title, with a comma',
    'not ok 2 - matrix-nss › another',
    'ok 3 - a third (nmap cannot be used here) # SKIP',
    '    not ok 4 - indented is a detail',
    'ok 5 - matrix-nss › another',
  ];
  t.deepEqual(readTap(lines.join('\n')), [
    { file: 'matrix-nss', title: 'a title, with a comma', result: 'passed' },
    { file: 'matrix-nss', title: 'another', result: 'failed' },
    { file: '', title: 'a third (nmap cannot be used here)', result: 'skipped' },
  ]);
});
