/** What the documents say of files, options, exit codes, events, answers and tests is so. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { EXIT } from '../src/cli/io.ts';
import { main as nafPush } from '../src/cli/naf-push.ts';
import { main as ueListen } from '../src/cli/ue-listen.ts';
import { formatCode } from '../src/codec/coap.ts';
import { pushAnswer, type PushAnswer } from '../src/codec/push.ts';
import { eventNames } from '../src/lib/events.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['.', 'docs', 'certs-none', 'bench'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The text of `file` from the heading of that name to the next heading of its level or above. */
function section(file: string, heading: string): string {
  const [, after = ''] = read(file).split(`\n${heading}\n`);
  const level = heading.split(' ', 1)[0]?.length ?? 1;
  return after.split(new RegExp(`^#{1,${level}} `, 'm'), 1)[0] ?? '';
}

/** As GitHub makes them: lower case, punctuation away, a hyphen for each space. */
function anchorsOf(file: string): string[] {
  return Array.from(read(file).matchAll(/^#+ (.+)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function brokenLinks(file: string, text: string): string[] {
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const led = path === '' ? file : relative(root, join(root, dirname(file), path));
      if (!existsSync(join(root, led))) return true;
      return anchor !== undefined && !anchorsOf(led).includes(anchor);
    });
}

test('every relative link of every document leads to a file, and to a heading of it', (t) => {
  t.true(documents.includes('README.md') && documents.includes(join('docs', 'wire.md')));
  for (const file of documents) t.deepEqual(brokenLinks(file, read(file)), [], file);
  t.deepEqual(brokenLinks('README.md', '[a](nowhere.md) [b](docs/wire.md#no-such-heading)'), [
    'nowhere.md',
    'docs/wire.md#no-such-heading',
  ]);
});

/** Command lines of the two commands in `console` blocks, each part of a pipeline for itself. */
function commandLines(text: string): string[] {
  const blocks = Array.from(text.matchAll(/```console\n([^]*?)```/g), ([, block = '']) => block);
  return blocks
    .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
    .filter((line) => line.startsWith('$ '))
    .flatMap((line) => line.slice(2).split(/[|;&]/))
    .map((part) => part.trim().replace(/^npx /, ''))
    .filter((part) => /^(?:naf-push|ue-listen)\b/.test(part));
}

async function helpOf(words: readonly string[]): Promise<string> {
  const [name, ...args] = words;
  const stdout = new PassThrough({ encoding: 'utf8' });
  const stderr = new PassThrough();
  const main = name === 'ue-listen' ? ueListen : nafPush;
  const code = await main([...args, '--help'], {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
  });
  return code === 0 ? String(stdout.read()) : '';
}

/** The words that say which help is about this command line. */
function subjectOf(line: string): string[] {
  const [name = '', first = '', second = ''] = line.split(/\s+/);
  if (name === 'ue-listen') return [name];
  if (first === 'sa') return [name, first, second];
  return [
    name,
    ['send', 'serve', 'bsf', 'aka', 'inspect', 'bench', 'demo'].includes(first) ? first : 'send',
  ];
}

async function unknownOptions(line: string): Promise<string[]> {
  const help = await helpOf(subjectOf(line));
  const known = new Set(
    Array.from(help.matchAll(/^ {2}(?:(-\w), )?(--[a-z-]+)/gm), ([, ...names]) => names).flat(),
  );
  const [own = ''] = line.replace(/'[^']*'|"[^"]*"/g, 'TEXT').split(' -- ');
  return own.split(/\s+/).filter((word) => /^-./.test(word) && !known.has(word));
}

test('every command line of the documents uses options that the commands know', async (t) => {
  const lines = documents.flatMap((file) => commandLines(read(file)));
  t.true(lines.length > 10);
  for (const line of lines) t.deepEqual(await unknownOptions(line), [], line);
  t.deepEqual(await unknownOptions("naf-push 001010000000001 -m '--no' --nope -Z"), [
    '--nope',
    '-Z',
  ]);
});

test('the table of exit codes is that of the commands', (t) => {
  const rows = section('docs/operations.md', '## Exit codes').matchAll(/^\| (\d+) \| (\w+) \|/gm);
  t.deepEqual(Object.fromEntries(Array.from(rows, ([, code, name = '']) => [name, Number(code)])), {
    ...EXIT,
  });
});

test('the table of events has every event and no other', (t) => {
  const rows = section('docs/operations.md', '## Events').matchAll(/^\| `(gba:[a-z:]+)` \|/gm);
  t.deepEqual(
    Array.from(rows, ([, name]) => name),
    [...eventNames],
  );
});

test('the table of answers has the codes that a UE sends', (t) => {
  const kinds = {
    handled: { kind: 'handled' },
    'handled-before': { kind: 'handled-before' },
    refused: { kind: 'refused' },
    conflict: { kind: 'conflict' },
    interrupted: { kind: 'interrupted' },
    'not-now': { kind: 'not-now', afterMs: 1 },
  } satisfies Record<PushAnswer['kind'], PushAnswer>;
  const sent = Object.values(kinds).map((answer) => formatCode(pushAnswer(answer).code));
  const rows = section('docs/wire.md', '### Answers to a push').matchAll(/^\| (\d\.\d\d) /gm);
  t.deepEqual(
    Array.from(rows, ([, code]) => code),
    sent,
  );
});

/** Tests that a text names, as `test/file` and titles in quotes after it; `…` stands for anything. */
function absentTests(text: string): string[] {
  let file = '';
  return Array.from(text.matchAll(/`(test\/[\w/-]+\.test\.ts)`|"([^"\n]+)"|\n/g)).flatMap(
    ([whole, named, title]) => {
      if (whole === '\n') file = '';
      if (named !== undefined) file = named;
      if (file === '' || whole === '\n') return [];
      if (!existsSync(join(root, file))) return [file];
      const source = read(file);
      const parts = title?.split('…').map((part) => part.trim()) ?? [];
      return parts.every((part) => source.includes(part)) ? [] : [`${file}: ${title ?? ''}`];
    },
  );
}

test('every test that the threat model names is there under that title', (t) => {
  const text = read('docs/threat-model.md');
  t.true((text.match(/`test\//g) ?? []).length > 20);
  t.deepEqual(absentTests(text), []);
  t.deepEqual(
    absentTests('`test/layering.test.ts` "every … that is not there" `test/none.test.ts`').length,
    2,
  );
});
