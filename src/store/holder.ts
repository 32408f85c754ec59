/** A process as one line of text: who holds a thing on disk, and whether that process still lives. */
import { readFileSync } from 'node:fs';

/**
 * `<pid> <start>`, the start in clock ticks since the boot: no other process of this PID namespace has
 * that name until the next boot. Without /proc it is the pid alone.
 */
export function processName(pid = process.pid): string {
  const status = statusOf(pid);
  return status === undefined ? `${pid}` : `${pid} ${status.startedAt}`;
}

/** True while that process runs, and when nobody can tell; text that names no process is false. */
export function isAlive(name: string): boolean {
  const pid = Number(name.split(' ', 1)[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const status = statusOf(pid);
  if (status !== undefined) return !status.ended && name === `${pid} ${status.startedAt}`;
  // There is no /proc here, it hides what other users run, or the process has just ended.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Fields 3 and 22 of proc_pid_stat(5). A zombie, which its parent has not asked after yet, has ended. */
function statusOf(pid: number): { startedAt: string; ended: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')')).split(' ');
  return { startedAt: fields[STARTTIME] ?? '', ended: /[ZX]/.test(fields[STATE] ?? '') };
}

/** Counted from the closing bracket of field 2. */
const STATE = 1;
const STARTTIME = 20;
