/** Walks every import of src and bin, and names the edge that runs upwards. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Lowest first. A file may import a lower rank, or its own folder. */
const RANKS: readonly (readonly string[])[] = [
  ['errors'],
  ['lib'],
  ['ids'],
  ['aka'],
  ['codec'],
  ['ports'],
  ['sa'],
  ['async-psk'],
  ['store', 'net', 'exec'],
  ['bsf', 'naf', 'ue'],
  ['inspect', 'compose'],
  ['cli'],
  ['index', 'bin'],
];
const PURE = new Set(['errors', 'lib', 'ids', 'aka', 'codec', 'ports', 'sa', 'inspect']);
const IMPURE_MODULES = /^node:(?:fs|net|tls|dgram|http|http2|child_process|dns)(?:\/|$)/;

interface Edge {
  readonly from: string;
  readonly to: string;
}

/** `src/naf/layer.ts` is of `naf`, `src/ids.ts` of `ids`, `bin/naf-push.ts` of `bin`. */
function partOf(file: string): string {
  const [top = '', next = ''] = file.split(sep);
  return top === 'src' ? next.replace(/\.ts$/, '') : top;
}

function rankOf(file: string): number {
  const rank = RANKS.findIndex((parts) => parts.includes(partOf(file)));
  if (rank < 0) throw new Error(`${file} is in no layer`);
  return rank;
}

function importsOf(file: string, text: string): Edge[] {
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => ({
    from: file,
    to: fileName.startsWith('.') ? relative(root, join(root, dirname(file), fileName)) : fileName,
  }));
}

function faultOf({ from, to }: Edge): string | undefined {
  if (!to.startsWith('src') && !to.startsWith('bin')) {
    return PURE.has(partOf(from)) && IMPURE_MODULES.test(to)
      ? `${from} is pure and imports ${to}`
      : undefined;
  }
  if (partOf(from) === partOf(to) || rankOf(to) < rankOf(from)) return undefined;
  return `${from} (rank ${rankOf(from)}) imports ${to} (rank ${rankOf(to)})`;
}

const files = ['src', 'bin'].flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(top, name)),
);

test('every import leads to a lower layer or stays in its folder', (t) => {
  const edges = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));
  t.true(edges.length > 100);
  t.deepEqual(edges.map(faultOf).filter(Boolean), []);
});

test('an edge that runs upwards, sideways or out of the pure part is named', (t) => {
  const faults = [
    ["import { a } from '../naf/device.ts';", 'src/net/tls.ts'],
    ["import { a } from '../net/tls.ts';", 'src/store/file-store.ts'],
    ["import type { A } from '../ue/usim.ts';", 'src/bsf/bsf.ts'],
    ["export * from '../cli/run.ts';", 'src/codec/gpi.ts'],
    ["const a = await import('./sa/registry.ts');", 'src/ids.ts'],
    ["import { connect } from 'node:tls';", 'src/aka/kdf.ts'],
  ] as const;
  for (const [text, file] of faults) {
    t.is(importsOf(join(file), text).map(faultOf).filter(Boolean).length, 1, text);
  }
});
