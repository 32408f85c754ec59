/** `naf-push bench`: what reuse is worth between a NAF and a UE that the user runs. */
import type { Command } from 'commander';
import { LONGEST_PUSH } from '../codec/push.ts';
import type { GbaErrorCode } from '../errors.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { Figures } from './bench-figures.ts';
import { printFigures } from './bench-report.ts';
import {
  openOwnTarget,
  requireNoNafOptions,
  runningTarget,
  untilAborted,
  type BenchTarget,
} from './bench-target.ts';
import { MOST_AT_ONCE, MOST_PUSHES, type BurstOrder } from './burst.ts';
import type { ReceiptView } from './control-messages.ts';
import { EXIT, type CommandIo } from './io.ts';
import { addNafOptions, type NafOptions } from './naf.ts';
import { narrate } from './narrate.ts';
import { argument, carrier, parseUe, seconds, wholeNumber, type UeName } from './options.ts';
import { CommandFailure, describe, exitCodeFor, exitCodeOf, subcommand } from './run.ts';

interface BenchOptions extends NafOptions {
  readonly running?: boolean;
  readonly modes?: readonly Mode[];
  readonly samples: number;
  readonly pushes: number;
  readonly window: number;
  readonly size: number;
  readonly timeout: number;
  readonly wait: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const MODES = ['reuse', 'reconnect', 'bootstrap'] as const;
type Mode = (typeof MODES)[number];

export function addBenchCommand(program: Command, io: CommandIo): void {
  const command = subcommand(program, 'bench')
    .description(
      'measure what a push takes over an open layer, over one that was lost, and from nothing, between this ' +
        'NAF, or one that serves already, and a UE that runs; its handler runs for every push',
    )
    .argument('<ue>', 'IMSI or IMPI of a subscriber', argument(parseUe))
    .option(
      '--running',
      'drive the naf-push serve of the same --state, by its control socket, instead of a NAF in this command',
    )
    .option(
      '--modes <list>',
      `what to measure, of ${MODES.join(',')} (default: all; with --running no bootstrap, which revokes ` +
        'the association that is there)',
      modes,
    )
    .option(
      '--samples <n>',
      'how often each is measured: about once a second; reconnect without bootstrap once in five seconds',
      wholeNumber(1, 1_000),
      10,
    )
    .option(
      '--pushes <n>',
      'pushes over the open layer in each sample: one at a time for 0.5 s at most, then at the window for 1 s',
      wholeNumber(1, MOST_PUSHES),
      1_000,
    )
    .option(
      '--window <n>',
      'pushes in flight when the rate is measured',
      wholeNumber(1, MOST_AT_ONCE),
      32,
    )
    .option('--size <octets>', 'of each payload', wholeNumber(MARK.length, LONGEST_PUSH), 100)
    .option(
      '--trigger <address>',
      'where the UE hears triggers: udp://host:port, tcp://host:port, or exec:PROGRAM to bring them',
      carrier,
    )
    .option('--timeout <seconds>', 'give up on a push that is not answered', seconds, 15)
    .option('-W, --wait <seconds>', 'end with exit code 3 after this time', seconds, 300)
    .option('--json', 'one JSON object per mode and interval on stdout')
    .option('-q, --quiet', 'no talk on stderr but errors')
    .option('-v, --verbose', 'tell every event on stderr');
  addNafOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (ue: UeName, options: BenchOptions) => {
      if (options.running === true) requireNoNafOptions(nafOptionsGiven(command));
      await bench(ue, options, io);
    });
}

async function bench(ue: UeName, options: BenchOptions, io: CommandIo): Promise<void> {
  const { running, timeout, window, size, json } = options;
  if (timeout > MOST_TIMEOUT_S) {
    throw new CommandFailure(EXIT.usage, `--timeout is ${MOST_TIMEOUT_S} seconds at most`);
  }
  const endNarration = narrate(io, { command: 'naf-push', ...options });
  const figures = new Figures();
  const over = new AbortController();
  const late = new CommandFailure(EXIT.timeout, `the ${options.wait} s of --wait are over`);
  const timer = systemClock.after(options.wait * 1_000, () => {
    over.abort(late);
  });
  let tls: string | undefined;
  let failure: unknown;
  try {
    const target =
      running === true
        ? runningTarget(ue, options.state, io)
        : await openOwnTarget(ue, options, io);
    try {
      const stop = AbortSignal.any([over.signal, ...(io.signal ? [io.signal] : [])]);
      await measure(target, options, figures, stop);
    } catch (error) {
      failure = error;
    } finally {
      tls = await target.tls().catch(() => undefined);
      await target.close();
    }
  } finally {
    timer.cancel();
    io.stdin.destroy();
    endNarration();
  }
  const name = 'imsi' in ue ? ue.imsi : ue.impi;
  const head = { ue: name, naf: running ? 'running' : 'own', tls, octets: size, window } as const;
  if (!figures.empty) printFigures(io, figures, head, json);
  if (failure === undefined) return;
  if (io.signal?.aborted === true) throw new CommandFailure(EXIT.interrupted);
  if (failure === late) throw late;
  const code = failure instanceof CommandFailure ? failure.exitCode : exitCodeFor(failure);
  const message = failure instanceof CommandFailure ? failure.message : describe(failure);
  throw new CommandFailure(figures.empty ? code : EXIT.partly, message);
}

/** The first sample warms both ends up and does not count. @throws CommandFailure, GbaError; the signal's reason. */
async function measure(
  target: BenchTarget,
  options: BenchOptions,
  figures: Figures,
  stop: AbortSignal,
): Promise<void> {
  const wanted = new Set(options.modes ?? (options.running === true ? WITHOUT_REVOKING : MODES));
  const { pushes, window } = options;
  const ttlSeconds = Math.ceil(options.timeout);
  const payload = Buffer.from(MARK.padEnd(options.size));
  const push = async (order: Omit<BurstOrder, 'payload' | 'ttlSeconds'>) => {
    const burst = await target.push({ ...order, payload, ttlSeconds }, stop);
    requireAnswered(burst.receipts, options);
    return burst;
  };
  const one = { count: 1, window: 1, withinMs: 1_000 };
  const rest = (untilAt: number): Promise<void> =>
    sleep(systemClock, Math.max(0, untilAt - performance.now()), stop);
  let openedAt = performance.now();
  for (let sample = 0; sample <= options.samples; sample += 1) {
    const found = sample === 0 ? new Figures() : figures;
    const startedAt = performance.now();
    if (wanted.has('bootstrap')) await untilAborted(target.revoke(), stop);
    found.add((await push(one)).receipts);
    if (wanted.has('reuse')) {
      found.add((await push({ count: pushes, window: 1, withinMs: 500 })).receipts);
      const { receipts, ms } = await push({ count: pushes, window, withinMs: 1_000 });
      found.addRate(receipts.length, ms);
    }
    if (wanted.has('reconnect')) {
      if (!wanted.has('bootstrap')) await rest(openedAt + LASTING_MS);
      await untilAborted(target.park(), stop);
      found.add((await push(one)).receipts);
      openedAt = performance.now();
    }
    if (wanted.has('bootstrap') && sample < options.samples) await rest(startedAt + PACE_MS);
  }
}

/** @throws CommandFailure for a push that came to nothing. */
function requireAnswered(receipts: readonly ReceiptView[], { timeout }: BenchOptions): void {
  const dead = receipts.find(({ state }) => state === 'dead');
  if (dead === undefined) return;
  const { reason, detail = '', code } = dead;
  if (reason === 'expired') {
    throw new CommandFailure(EXIT.timeout, `no answer of the UE within ${timeout} s: ${detail}`);
  }
  const known = code === undefined ? undefined : (code as GbaErrorCode);
  const exitCode = known === undefined ? EXIT.error : exitCodeOf(known);
  throw new CommandFailure(exitCode, known === undefined ? detail : `${detail} (${known})`);
}

const modes = argument((text): readonly Mode[] => {
  const words = text.split(',').map((word) => word.trim());
  return words.map((word) => {
    const mode = MODES.find((one) => one === word);
    if (mode === undefined)
      throw new RangeError(`expected some of ${MODES.join(',')}, not "${word}"`);
    return mode;
  });
});

/** The flags of options that say how a NAF shall be, as far as the user gave any. */
function nafOptionsGiven(command: Command): readonly string[] {
  const own = ['running', 'modes', 'samples', 'pushes', 'window', 'size', 'timeout', 'wait'];
  const fine = new Set([...own, 'state', 'json', 'quiet', 'verbose']);
  return command.options
    .filter((option) => !fine.has(option.attributeName()))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long ?? '');
}

/** What every payload begins with; spaces follow. */
const MARK = 'gba-push bench';
const WITHOUT_REVOKING: readonly Mode[] = ['reuse', 'reconnect'];
const MOST_TIMEOUT_S = 600;
/** A UE takes two triggers a second in the long run, a BSF gives one vector a second: no limit is met. */
const PACE_MS = 1_100;
/** A UE whose layers of one key end within 5 s dials later and later, and heeds few wakes. */
const LASTING_MS = 5_200;

const EXAMPLES = `
Examples:
  In one terminal the device, in another this:
    $ ue-listen -q > /dev/null
    $ naf-push bench 001010000000001
  The shorter handshakes of TLS 1.2 (the device must run ue-listen --tls any --resumption sa-bound):
    $ naf-push bench 001010000000001 --tls 1.2 --resumption sa-bound
  Neither end is of this command: a NAF that serves, and its device, as they are:
    $ naf-push serve --listen 127.0.0.1:5684
    $ naf-push bench 001010000000001 --running

What is timed, by the NAF's clock, until the UE has said that its handler is done:
  reuse         from the push, over the open layer
  reconnect     the layer was ended, the key is kept. From the UE's TCP connection; and from the push, with the
                pause that a UE makes before it dials: up to 50 ms after a layer that lasted 5 s, else up to 100 ms
  resume        the same by a TLS 1.2 session, with --resumption sa-bound at both ends
  bootstrap     the association was revoked: from the push, with BSF, trigger, SIM and handshake
  p90 takes 10 samples, p99 100. Payloads are "${MARK}" and spaces.

Exit codes: 0 ok, 1 error, 2 usage, 3 the UE did not answer or the time of -W is over, 4 authentication refused,
  6 it failed after some samples, which are printed, 130 interrupted (what there is so far is printed)`;
