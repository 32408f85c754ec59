/** A server that listens, and a process whose devices connect to it: what every system begins with. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Program } from '../lib/program.ts';

export interface Stage {
  readonly name: string;
  /** What there is when a device counts as connected. */
  readonly connected: string;
  /** Of the system itself, when it has one. */
  readonly version?: string;
  readonly port: number;
  readonly server: Program;
  readonly devices: Program;
  /** Of the server before it knew of any device, when that is not how it is now. */
  readonly before?: Memory;
  /** Ends both. */
  readonly close: () => Promise<void>;
}

/** KiB of a process that are in memory, and its own share of what it has in common with others. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
}

/** Connects devices `from` to before `to`, `atOnce` at a time; resolves with how long that took, when the server has them too. */
export async function connectAll(
  { server, devices, port }: Stage,
  [from, to, atOnce]: readonly [number, number, number],
): Promise<number> {
  const before = openFiles(server.pid);
  const startedAt = performance.now();
  await devices.ask('dial', port, from, to, atOnce);
  const ms = performance.now() - startedAt;
  await until(() => openFiles(server.pid) >= before + to - from);
  return ms;
}

/** Ends all connections; resolves when the server has noticed. */
export async function hangUp({ server, devices }: Stage, connections: number): Promise<void> {
  const before = openFiles(server.pid);
  await devices.ask('hangUp');
  await until(() => openFiles(server.pid) <= before - connections);
}

export function memoryOf({ pid }: Program): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1]);
  return { rss: of('Rss'), pss: of('Pss') };
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** @throws Error after a minute. */
async function until(holds: () => boolean): Promise<void> {
  for (let left = 3_000; left > 0; left -= 1) {
    if (holds()) return;
    await pause(20);
  }
  throw new Error('the server has not as many connections as its devices');
}
