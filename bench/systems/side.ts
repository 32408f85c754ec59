/** What bench/sides.ts compares: a system that hands pushes to devices, behind one interface. */
import { emptyTally, expected, requireTallies, type Tally } from '../lib/payloads.ts';
import { cpuUs, type Program } from '../lib/program.ts';
import type { Pumped } from '../lib/pump.ts';

/** `window` pushes in flight in all, to `ues` devices in turn, for `ms`, or until `atMost` are sent. */
export interface Job {
  readonly ues: number;
  readonly window: number;
  readonly ms: number;
  readonly atMost: number;
}

export interface Side {
  readonly name: string;
  /** What the device and the sender do, and whose CPU is the server's. */
  readonly about: string;
  readonly server: Program;
  /** Absent where the server is the sender. */
  readonly sender?: Program;
  readonly devices: Program;
  /** Of the system itself, when it has one. */
  readonly version?: string;
  /** Where a device cannot take any number of pushes in any time. */
  readonly room?: Room;
  readonly close: () => Promise<void>;
}

/** How much each device of a side takes for now. */
export interface Room {
  /** Resolves when each device takes so many pushes more. */
  wait(pushes: number): Promise<void>;
  /** Each has got so many. */
  took(pushes: number): void;
}

/** What one job came to; CPU in us per acknowledged push. */
export interface Measured extends Pumped {
  readonly perSecond: number;
  readonly serverUs: number;
  /** Of a sender beside the server; 0 where they are one. */
  readonly senderUs: number;
  readonly devicesUs: number;
  /** Of the server's CPU while the job ran: 1 when it had no time left. */
  readonly serverShare: number;
}

/** @throws Error when a device did not get exactly what was sent to it. */
export async function measure(side: Side, job: Job): Promise<Measured> {
  const { server, sender = server, devices } = side;
  const { ues, window, ms, atMost } = job;
  await side.room?.wait(atMost / ues);
  const spent = stopwatch([server, sender, devices]);
  const pumped = await sender.ask<Pumped>('push', ues, window, ms, atMost);
  const [serverUs = 0, senderUs = 0, devicesUs = 0] = spent();
  const { got } = await devices.ask<{ got: Tally[] }>('got');
  requireTallies(side.name, got, expected(pumped.count, ues));
  const { count, seconds } = pumped;
  side.room?.took(count / ues);
  return {
    ...pumped,
    perSecond: count / seconds,
    serverUs: serverUs / count,
    senderUs: sender === server ? 0 : senderUs / count,
    devicesUs: devicesUs / count,
    serverShare: serverUs / (seconds * 1e6),
  };
}

/** One payload to all at once: ms until the last has acknowledged it; CPU in us per device. @throws Error as `measure`. */
export async function measureBroadcast(
  side: Side,
  ues: number,
): Promise<{ readonly ms: number; readonly serverUs: number; readonly senderUs: number }> {
  const { server, sender = server, devices } = side;
  const spent = stopwatch([server, sender]);
  const { ms } = await sender.ask<{ ms: number }>('broadcast', ues);
  const [serverUs = 0, senderUs = 0] = spent();
  const { got } = await devices.ask<{ got: Tally[] }>('got');
  const [once = emptyTally()] = expected(1, 1);
  requireTallies(side.name, got, Array<Tally>(ues).fill(once));
  return { ms, serverUs: serverUs / ues, senderUs: sender === server ? 0 : senderUs / ues };
}

function stopwatch(programs: readonly Program[]): () => number[] {
  const before = programs.map(({ pid }) => cpuUs(pid));
  return () => programs.map(({ pid }, i) => cpuUs(pid) - (before[i] ?? 0));
}
