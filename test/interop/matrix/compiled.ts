/** The peers around libraries, compiled when they are first needed (test/interop/peers). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from './piped.ts';

let folder: string | undefined;
const programs = new Map<string, Program | undefined>();

/** The program of this source in C or C++, or undefined when its library cannot be compiled against here. */
export function compiledC(source: string, ...libraries: string[]): Program | undefined {
  return once(source, (folder) => {
    const program = join(folder, parse(source).name);
    const sources = ['peer.c', source].map(sourceOf);
    return isDone('cc', [...sources, '-o', program, ...libraries]) ? [program] : undefined;
  });
}

/** The same of a source that is a whole program. */
export function compiledAlone(source: string, ...libraries: string[]): Program | undefined {
  return once([source, ...libraries].join(' '), (folder) => {
    const program = join(folder, [parse(source).name, ...libraries].join(''));
    return isDone('cc', [sourceOf(source), '-o', program, ...libraries]) ? [program] : undefined;
  });
}

/** The same of the class `NAME`, with a jar that names those that it needs. */
export function compiledJava(name: string, jar: string): Program | undefined {
  return once(name, (folder) => {
    const done = isDone('javac', ['-cp', jar, '-d', folder, sourceOf(`${name}.java`)]);
    const quick = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
    return done ? ['java', ...quick, '-cp', [jar, folder].join(delimiter), name] : undefined;
  });
}

function once(name: string, compile: (folder: string) => Program | undefined): Program | undefined {
  folder ??= temporaryFolder();
  if (!programs.has(name)) programs.set(name, compile(folder));
  return programs.get(name);
}

function isDone(compiler: string, args: readonly string[]): boolean {
  return spawnSync(compiler, args).status === 0;
}

function sourceOf(file: string): string {
  return fileURLToPath(new URL(`../peers/${file}`, import.meta.url));
}

/** Gone with this process. */
function temporaryFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'gba-push-peers-'));
  process.once('exit', () => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}
