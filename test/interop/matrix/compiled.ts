/** The peers in C, one for each library, compiled when they are first needed (test/interop/peers). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let folder: string | undefined;
const programs = new Map<string, string | undefined>();

/** The program of `NAME.c`, or undefined when its library cannot be compiled against here. */
export function compiled(name: string, ...libraries: string[]): string | undefined {
  if (programs.has(name)) return programs.get(name);
  folder ??= temporaryFolder();
  const program = join(folder, name);
  const sources = ['peer', name].map((source) =>
    fileURLToPath(new URL(`../peers/${source}.c`, import.meta.url)),
  );
  const { status } = spawnSync('cc', [...sources, '-o', program, ...libraries]);
  programs.set(name, status === 0 ? program : undefined);
  return programs.get(name);
}

/** Gone with this process. */
function temporaryFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'gba-push-peers-'));
  process.once('exit', () => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}
