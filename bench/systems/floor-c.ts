/** The floor in C, `floor.c`: what OpenSSL and the kernel take, and nothing else. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endAll, startLines } from '../lib/program.ts';
import type { Side } from './side.ts';
import { connectAll, type Stage } from './stage.ts';

export interface CFloor {
  readonly path: string;
  readonly openssl: string;
  readonly remove: () => void;
}

/** Undefined where there is no compiler, or no OpenSSL to compile against. */
export function compileFloor(): CFloor | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'gba-push-floor-'));
  const path = join(folder, 'floor');
  const source = fileURLToPath(new URL('floor.c', import.meta.url));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    execFileSync('gcc', ['-O2', '-o', path, source, '-lssl', '-lcrypto'], { stdio: 'pipe' });
    const openssl = execFileSync(path, ['version'], { encoding: 'utf8' }).trim();
    return { path, openssl, remove };
  } catch {
    remove();
    return undefined;
  }
}

export async function stageCFloor({ path, openssl }: CFloor): Promise<Stage> {
  const server = await startLines(path, ['server'], 'server');
  const { port } = await server.ask<{ port: number }>('listen');
  const devices = await startLines(path, ['devices'], 'devices');
  return {
    name: 'C, OpenSSL',
    connected: 'TLS; one key for all; its devices are in C too',
    version: openssl,
    ...{ port, server, devices },
    close: () => endAll(devices, server),
  };
}

export async function openCFloor(floor: CFloor, ues: number): Promise<Side> {
  const stage = await stageCFloor(floor);
  await connectAll(stage, [0, ues, 16]);
  await stage.server.ask('connected', ues);
  const about =
    'fixed frames between two C programs over OpenSSL and epoll, one write a connection and turn';
  return { ...stage, about };
}
