/** The NAFs whose keys a UE keeps by normal GBA: one keeper for each, for as long as it is wanted. */
import { wipe } from '../lib/bytes.ts';
import type { TlsBinding } from '../lib/suites.ts';
import type { Announced } from '../sa/association.ts';
import { BootstrapKeeper } from './bootstrap-keeper.ts';
import { beginSa, isOfTarget, type Bootstrapper, type BootstrapTarget } from './bootstrap.ts';
import type { Sessions } from './sessions.ts';

export interface KeepersOptions {
  readonly bootstrapper: Bootstrapper;
  /** TLS versions of this UE; a target that names no binding gets the first. */
  readonly versions: readonly TlsBinding['version'][];
  /** Where the associations go. */
  readonly sessions: Pick<Sessions, 'add' | 'of' | 'watch'>;
  /** No run begins before it resolves. */
  readonly listening: Promise<void>;
}

export class Keepers {
  readonly #options: KeepersOptions;
  readonly #kept = new Set<Promise<void>>();

  constructor(options: KeepersOptions) {
    this.#options = options;
  }

  /** Resolves when the signal aborts. @throws RangeError for a binding that this UE has no suite for. */
  async keep(target: BootstrapTarget, signal: AbortSignal): Promise<void> {
    const kept = this.#keep({ ...target, binding: target.binding ?? this.#ownBinding() }, signal);
    this.#kept.add(kept);
    try {
      await kept;
    } finally {
      this.#kept.delete(kept);
    }
  }

  /** Resolves when no key is kept any more. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#kept);
  }

  async #keep(target: BootstrapTarget, signal: AbortSignal): Promise<void> {
    const { bootstrapper, sessions, listening } = this.#options;
    const { nafFqdn, bsf } = target;
    const keeper = new BootstrapKeeper({
      clock: bootstrapper.clock,
      bsf: bsf.origin,
      nafFqdn,
      run: () => this.#run(target, signal),
      live: () => sessions.of(nafFqdn),
      isOwn: (sa) => isOfTarget(sa, target, bootstrapper),
    });
    const unwatch = sessions.watch(keeper);
    try {
      await listening;
      await keeper.keep(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      unwatch();
    }
  }

  /** A key that nobody wants any more, or that there is no room for, is wiped. */
  async #run(target: BootstrapTarget, signal: AbortSignal): Promise<Announced> {
    const { bootstrapper, sessions } = this.#options;
    const { sa, connect } = await beginSa(target, bootstrapper, signal);
    try {
      signal.throwIfAborted();
      sessions.add(sa, connect);
      return sa;
    } catch (error) {
      wipe(sa.key);
      throw error;
    }
  }

  #ownBinding(): TlsBinding {
    const {
      versions: [version = '1.3'],
      bootstrapper,
    } = this.#options;
    if (version === '1.3') return { version };
    const [suite] = bootstrapper.policy.suites12;
    if (suite === undefined) throw new RangeError('the policy has no suite for TLS 1.2');
    return { version, suite };
  }
}
