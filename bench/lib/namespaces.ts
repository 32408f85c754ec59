/** Two network namespaces with one wire between them and no way out, which lose so much of what comes in. */
import { execFileSync } from 'node:child_process';
import type { Place } from '../ways/modes.ts';

export interface Network {
  readonly naf: Place;
  readonly ue: Place;
  /** At each end, of what comes in there. */
  lose(percent: number): void;
  /** Nothing of it is left. Also when the process ends, by Ctrl-C too. */
  close(): void;
}

/** Or why there can be none: it takes root, iproute2, and iptables with its match `statistic`. */
export function openNetwork(): Network | { readonly reason: string } {
  const [naf, ue] = ['naf', 'ue'].map((end, n) => ({
    namespace: `gba-push-${process.pid}-${end}`,
    link: `gp${process.pid}${end}`.slice(0, 15),
    host: `10.203.113.${n + 1}`,
  })) as [End, End];
  let open = true;
  const close = (): void => {
    if (open) for (const { namespace } of [naf, ue]) run(true, 'ip', 'netns', 'delete', namespace);
    open = false;
  };
  process.once('exit', close);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(130));
  try {
    for (const { namespace } of [naf, ue]) run(false, 'ip', 'netns', 'add', namespace);
    const [here = [], there = []] = [naf, ue].map((end) => [end.link, 'netns', end.namespace]);
    run(false, 'ip', 'link', 'add', ...here, 'type', 'veth', 'peer', 'name', ...there);
    for (const { namespace, link, host } of [naf, ue]) {
      run(false, 'ip', '-n', namespace, 'address', 'add', `${host}/30`, 'dev', link);
      for (const one of ['lo', link]) run(false, 'ip', '-n', namespace, 'link', 'set', one, 'up');
      inside(namespace, '-A', 'INPUT', ...LOSS, '0', '-j', 'DROP');
    }
  } catch (error) {
    close();
    return { reason: reasonOf(error) };
  }
  return {
    naf,
    ue,
    lose(percent) {
      for (const { namespace } of [naf, ue]) {
        inside(namespace, '-R', 'INPUT', '1', ...LOSS, String(percent / 100), '-j', 'DROP');
      }
    },
    close,
  };
}

interface End extends Place {
  readonly namespace: string;
  readonly link: string;
}

const LOSS = ['-m', 'statistic', '--mode', 'random', '--probability'] as const;

function inside(namespace: string, ...rule: readonly string[]): void {
  run(false, 'ip', 'netns', 'exec', namespace, 'iptables', '-w', ...rule);
}

function run(mayFail: boolean, program: string, ...args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    if (!mayFail) throw error;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error ? String(error.stderr).trim() : '';
  return (said || error.message).split('\n', 1)[0] ?? '';
}
