/**
 * Both commands as processes with short-lived keys and pushes without a pause; `kill -9` of either, or of
 * both, again and again, at a random moment of a random phase; each comes back with the same state folder.
 */
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Json } from '../support/command.ts';
import { faultsOf, type NafLife, type Run, type StormReceipt } from './ledger.ts';
import { commandOf, startLife, type Life } from './life.ts';
import { AT_WORK, PHASES, type End, type Phase } from './phases.ts';

export interface StormOptions {
  readonly rounds: number;
  /** All decisions follow from it; the moments at which processes do things do not. */
  readonly seed: number;
  /** An empty folder for state, handler and log. */
  readonly folder: string;
  /** The UE runs with `--redeliver`. */
  readonly redeliver?: boolean;
  /** Runs what is in `dist`, which starts sooner, instead of the sources. */
  readonly built?: boolean;
  /** No round begins later than this, ms. */
  readonly mostMs?: number;
  /** Hears of each round, when it is over. */
  readonly onRound?: (round: Round) => void;
}

export interface Round {
  readonly phase: string;
  readonly killed: readonly End[];
  /** From the new start to the first push that was made after it and is acknowledged. */
  readonly recoveredMs: number;
}

export interface StormReport {
  readonly rounds: readonly Round[];
  readonly nafs: readonly NafLife[];
  readonly runs: readonly Run[];
  readonly faults: readonly string[];
}

const UE = '001010000000001';
const LIFETIME_SECONDS = 5;
/** Longer than any storm: no push may die of old age. */
const TTL_SECONDS = 3_600;
/** Pushes without an outcome, at most: the storm is no test of volume. */
const WINDOW = 24;
/** After this a phase that does not come, a push that is not acknowledged, is not waited for. */
const PATIENCE_MS = 60_000;

/** Ends only what it started. @throws Error when a process does not start, or ends by itself. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const weather = new Storm(
    options,
    await freePort(options.seed),
    await freePort(options.seed + 1),
  );
  try {
    return await weather.run();
  } finally {
    weather.end();
  }
}

class Storm {
  readonly #options: StormOptions;
  readonly #random: () => number;
  readonly #args: Record<End, readonly string[]>;
  readonly #lives: Partial<Record<End, Life>> = {};
  readonly #nafs: { written: number; end: NafLife['end']; receipts: StormReceipt[] }[] = [];
  /** Which line was which push, as far as the UE printed it. */
  readonly #serials = new Map<string, number>();
  readonly #acked = new Set<string>();
  readonly #watchers = new Set<(end: End, line: Json | string) => void>();
  /** Rejects when a process ends that nobody ended. */
  readonly #crash = crash();
  readonly #journal: string;
  #serial = 0;
  #ueKills = 0;
  #pushing = true;

  constructor(options: StormOptions, tls: number, udp: number) {
    const { folder } = options;
    this.#options = options;
    this.#random = generator(options.seed);
    this.#journal = join(folder, 'journal');
    const handler = join(folder, 'handler');
    writeFileSync(handler, HANDLER);
    chmodSync(handler, 0o700);
    const common = ['--trigger', `udp://127.0.0.1:${udp}`, '--json', '-v', '--state'];
    this.#args = {
      naf: [
        ...['serve', '--listen', `127.0.0.1:${tls}`, '--lifetime', String(LIFETIME_SECONDS)],
        ...[...common, folder],
      ],
      ue: [
        ...[...common, join(folder, 'ue'), ...(options.redeliver === true ? ['--redeliver'] : [])],
        ...['--exec', handler, '--', this.#journal],
      ],
    };
  }

  async run(): Promise<StormReport> {
    const { rounds: count, mostMs = Infinity, onRound, redeliver = false } = this.#options;
    const endsAt = performance.now() + mostMs;
    const rounds: Round[] = [];
    const pushing = this.#push();
    await Promise.all([this.#start('ue'), this.#start('naf')]);
    await this.#recover();
    while (rounds.length < count && performance.now() < endsAt) {
      const round = await this.#round();
      rounds.push(round);
      onRound?.(round);
    }
    this.#pushing = false;
    await pushing;
    await this.#settle();
    const runs = readRuns(this.#journal);
    const ledger = { redeliver, nafs: this.#nafs, runs, ueKills: this.#ueKills };
    return { rounds, nafs: this.#nafs, runs, faults: faultsOf(ledger) };
  }

  /** Whatever came of it, no process is left. */
  end(): void {
    this.#pushing = false;
    for (const life of Object.values(this.#lives)) if (life.end === undefined) life.kill();
  }

  async #round(): Promise<Round> {
    const phase = pick(PHASES, this.#random);
    const killed = pick<readonly End[]>([['naf'], ['ue'], ['naf', 'ue']], this.#random);
    const delayMs = this.#random() * phase.withinMs;
    const absentMs = pick([0, 0, 200, 1_000], this.#random);
    const startMs = this.#random() * (this.#options.built === true ? 300 : 1_500);

    if (phase.burst) this.#write(WINDOW / 2);
    const reached = this.#reach(phase);
    if (phase.revoked) this.#revoke();
    await reached;
    if (phase.interrupted) for (const end of killed) this.#lives[end]?.interrupt();
    await pause(delayMs);
    await Promise.all(killed.map((end) => this.#kill(end)));
    if (phase.twice) {
      for (const end of killed) this.#launch(end);
      await pause(startMs);
      await Promise.all(killed.map((end) => this.#kill(end)));
    }
    await pause(absentMs);
    await Promise.all(killed.map((end) => this.#start(end)));
    return { phase: phase.name, killed, recoveredMs: await this.#recover() };
  }

  async #reach({ begins }: Phase): Promise<void> {
    if (begins) await this.#until((_end, line) => begins(line));
  }

  #revoke(): void {
    const socket = connect(join(this.#options.folder, 'naf', 'control'));
    socket.on('error', () => undefined).resume();
    socket.end(`${JSON.stringify({ op: 'revoke', which: UE })}\n`);
  }

  /** Resolves with how long it took until a push that is made from now on is acknowledged. */
  async #recover(): Promise<number> {
    const from = this.#serial;
    const startedAt = performance.now();
    const found = await this.#until(() =>
      [...this.#acked].some((id) => (this.#serials.get(id) ?? -1) >= from),
    );
    if (!found) {
      throw new Error(`no push is acknowledged within ${PATIENCE_MS} ms: ${this.#lastWords()}`);
    }
    this.#acked.clear();
    return performance.now() - startedAt;
  }

  /** Ends both in good order, when everything has its outcome or has had time enough for one. */
  async #settle(): Promise<void> {
    const last = this.#nafs.at(-1);
    const isSettled = (): boolean => last === undefined || last.receipts.length >= last.written;
    if (!isSettled()) await this.#until(isSettled);
    for (const end of ['naf', 'ue'] as const) {
      this.#lives[end]?.interrupt();
      const code = await this.#lives[end]?.ended;
      if (code !== 130) throw new Error(`${end} ended with ${code}: ${this.#lastWords()}`);
    }
  }

  #launch(end: End): Life {
    const naf = { written: 0, end: 'settled' as NafLife['end'], receipts: [] };
    if (end === 'naf') this.#nafs.push(naf);
    const life = startLife({
      command: commandOf(end === 'naf' ? 'naf-push' : 'ue-listen', this.#options.built ?? false),
      args: this.#args[end],
      onLine: (line) => {
        if (typeof line !== 'string') this.#note(line, naf.receipts);
        for (const watcher of [...this.#watchers]) watcher(end, line);
      },
    });
    this.#lives[end] = life;
    void life.ended.then((how) => {
      if (life.isAskedToEnd) return;
      this.#crash.tell(new Error(`${end} ended by itself with ${how}: ${life.talk.join('\n')}`));
    });
    return life;
  }

  async #start(end: End): Promise<void> {
    const life = this.#launch(end);
    const event = end === 'naf' ? 'ready' : 'listening';
    const isReady = (from: End, line: Json | string): boolean =>
      from === end && typeof line !== 'string' && line['event'] === event;
    if (!(await this.#until(isReady))) {
      throw new Error(`${end} does not start: ${life.talk.join('\n')}`);
    }
  }

  async #kill(end: End): Promise<void> {
    const life = this.#lives[end];
    life?.kill();
    const how = await life?.ended;
    if (how !== 'SIGKILL' && how !== 130) {
      throw new Error(`${end} ended with ${how}: ${life?.talk.join('\n') ?? ''}`);
    }
    const naf = this.#nafs.at(-1);
    if (end === 'ue') this.#ueKills += 1;
    else if (naf) naf.end = how === 'SIGKILL' ? 'killed' : 'drained';
  }

  #note(line: Json, receipts: StormReceipt[]): void {
    if (line['event'] === 'push') {
      this.#serials.set(String(line['id']), Number(line['payload']));
    } else if ('state' in line && 'attempts' in line) {
      const receipt = line as unknown as StormReceipt;
      receipts.push(receipt);
      if (receipt.state === 'acked') this.#acked.add(receipt.id);
    }
  }

  async #push(): Promise<void> {
    while (this.#pushing) {
      this.#write(1);
      await pause(5 + 30 * this.#random());
    }
  }

  #write(count: number): void {
    const [life, naf] = [this.#lives.naf, this.#nafs.at(-1)];
    if (life?.end !== undefined || life === undefined || naf === undefined) return;
    for (let i = 0; i < count && naf.written - naf.receipts.length < WINDOW; i += 1) {
      const urgency = this.#serial % 5 === 0 ? 'high' : 'normal';
      // Some go in blocks, and are cut in the middle.
      const length = this.#serial % 40 === 39 ? 200_000 : 0;
      const message = `${String(this.#serial).padEnd(length)}\n`;
      const push = { ue: UE, message, ttl: TTL_SECONDS, urgency };
      life.write(`${JSON.stringify(push)}\n`);
      this.#serial += 1;
      naf.written += 1;
    }
  }

  /** True once a line makes it so, false when patience is over. */
  #until(holds: (end: End, line: Json | string) => boolean): Promise<boolean> {
    return Promise.race([this.#crash.told, this.#wait(holds)]);
  }

  #wait(holds: (end: End, line: Json | string) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (found: boolean): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(found);
      };
      const watcher = (from: End, line: Json | string): void => {
        if (holds(from, line)) end(true);
      };
      const timer = setTimeout(end, PATIENCE_MS, false);
      this.#watchers.add(watcher);
    });
  }

  #lastWords(): string {
    return Object.values(this.#lives)
      .flatMap(({ talk }) => talk.filter((line) => line !== AT_WORK).slice(-5))
      .join('\n');
  }
}

function crash(): { readonly told: Promise<never>; readonly tell: (error: Error) => void } {
  let tell: (error: Error) => void = () => undefined;
  const told = new Promise<never>((_resolve, reject) => (tell = reject));
  told.catch(() => undefined);
  return { told, tell };
}

function readRuns(journal: string): Run[] {
  const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : [];
  const ends = new Set(
    lines.filter((line) => line.startsWith('end ')).map((line) => line.slice(4)),
  );
  return lines.flatMap((line) => {
    const [word, id = '', pid = ''] = line.split(' ');
    return word === 'begin' ? [{ id, finished: ends.has(`${id} ${pid}`) }] : [];
  });
}

function pick<T>(values: readonly T[], random: () => number): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new RangeError('nothing to pick from');
  return value;
}

/** Numbers from 0 to 1: mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Below those that the system hands out by itself, so that nobody has it while its owner is dead. */
async function freePort(seed: number): Promise<number> {
  for (let port = 20_000 + (seed % 10_000); port < 32_000; port += 7) {
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}

/** One push in five takes its time; each says when it has begun and when it is done. */
const HANDLER = `#!/bin/sh
read -r serial
echo "begin $GBA_PUSH_ID $$" >> "$1"
echo "${AT_WORK}" >&2
case "$serial" in *[05]) sleep 0.05 ;; esac
echo "end $GBA_PUSH_ID $$" >> "$1"
`;
