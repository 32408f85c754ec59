/** All associations of a UE, each with the session that keeps its layer open, and which of a NAF stay. */
import type { Endpoint } from '../codec/address.ts';
import type { BTid, Fqdn, Impi } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { OfferAnswer } from '../codec/gpi-offer.ts';
import type { RateLimitOptions } from '../lib/limits.ts';
import { createTurns, type Turns } from '../lib/turns.ts';
import { systemLookup } from '../net/network.ts';
import type { Announced, Closed, LiveSa, SaStore } from '../sa/association.ts';
import { SaRegistry } from '../sa/registry.ts';
import { SaSessions, type Resumption } from '../sa/sessions.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';
import type { InsideLayer } from './gpi-intake.ts';
import { Session, type SessionOptions } from './session.ts';
import { begunInVain, crowdedOut, isOutdated, supersededBy } from './succession.ts';
import { createWakeIntake, type WakeIntake } from './wake-intake.ts';

export interface SessionsOptions extends Pick<
  SessionOptions,
  'policy' | 'delivery' | 'keepaliveMs' | 'dangerouslyLogKeys' | 'dial'
> {
  readonly impi: Impi;
  readonly clock: Clock;
  readonly connectPolicy: ConnectPolicy;
  /** What a NAF is told of where triggers reach this UE. */
  readonly triggerAddress: () => string | undefined;
  /** A NAF that has proved itself offers a new key. */
  readonly onOffer: (envelope: Uint8Array, layer: OfferingLayer) => Promise<OfferAnswer>;
  /** See `WakeIntakeOptions`. */
  readonly wakeRate?: RateLimitOptions | undefined;
  /** See `UeListenerOptions`. It is not closed here. */
  readonly saStore?: SaStore | undefined;
  /** See `UeListenerOptions`. */
  readonly resumption?: Resumption | undefined;
}

export type OfferingLayer = Pick<InsideLayer, 'nafFqdn' | 'from'>;

/** Who wants to know how the associations of one NAF fare. */
export interface NafWatcher {
  readonly nafFqdn: Fqdn;
  /** A layer is open. */
  opened(sa: LiveSa): void;
  /** The NAF does not take the key. */
  refused(sa: LiveSa): void;
  /** The layer is gone, or none opened. */
  parked(sa: LiveSa): void;
  closed(sa: Closed): void;
}

/** Layers to one NAF that are being opened at once; more wait for their turn. */
const MAX_DIALS = 4;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #registry: SaRegistry;
  readonly #wakes: WakeIntake;
  readonly #sessions = new Map<BTid, Session>();
  /** All that are not over, also those of associations that are. */
  readonly #unended = new Set<Session>();
  readonly #turns = new Map<Fqdn, Turns>();
  readonly #watchers = new Set<NafWatcher>();
  /** Those under which a layer was ever open, in this life or one before. */
  readonly #proved = new Set<BTid>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#registry = new SaRegistry({
      clock: options.clock,
      onClosed: (sa) => {
        this.#end(sa);
      },
      ...(options.saStore && { store: options.saStore }),
      ...(options.resumption === 'sa-bound' && { sessions: new SaSessions(1) }),
    });
    this.#wakes = createWakeIntake({
      registry: this.#registry,
      clock: options.clock,
      policy: options.connectPolicy,
      rate: options.wakeRate,
    });
  }

  /** Dials for what is in the store. */
  resume(): void {
    for (const sa of this.#all) {
      if (sa.state !== 'announced') this.#proved.add(sa.bTid);
      this.#start(sa);
    }
  }

  /**
   * Takes in a new association, owns its key and dials; `judged` are addresses for the first dial that
   * policy has allowed already. @throws SaError ERR_SA_CONFLICT, ERR_SA_EXPIRED, StoreError.
   */
  add(sa: Announced, judged: readonly Endpoint[]): void {
    this.#registry.add(sa);
    this.#start(sa, judged);
    const isDialling = ({ bTid }: LiveSa) => this.#sessions.get(bTid)?.dialling === true;
    this.#supersede(crowdedOut(sa, this.#all, isDialling));
    this.#supersede(begunInVain(sa, this.#all, ({ bTid }) => this.#proved.has(bTid)));
  }

  /** The live associations of one NAF, oldest first. */
  of(nafFqdn: Fqdn): readonly LiveSa[] {
    return this.#all.filter((sa) => sa.nafFqdn === nafFqdn);
  }

  /** Tells the watcher from now on, until the returned function is called. */
  watch(watcher: NafWatcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** True while an association is not over. */
  has(bTid: BTid): boolean {
    return this.#registry.current(bTid) !== undefined;
  }

  /** Judges a wake; a genuine one makes its session dial at once. */
  async wake(octets: Uint8Array, from: Endpoint): Promise<void> {
    const called = await this.#wakes.accept(octets, from);
    if (called !== undefined) this.#sessions.get(called)?.wake();
  }

  /** Answers what is at work, then ends every layer; none follows. */
  async drain(): Promise<void> {
    await Promise.all([...this.#unended].map((session) => session.drain()));
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    const sessions = [...this.#unended];
    for (const session of sessions) session.close();
    if (this.#options.saStore) this.#registry.suspendAll();
    else this.#registry.closeAll('revoked');
    await Promise.all(sessions.map((session) => session.ended));
  }

  #start(sa: LiveSa, judged?: readonly Endpoint[]): void {
    const session = this.#open(sa, judged);
    this.#sessions.set(sa.bTid, session);
    this.#unended.add(session);
    void session.ended.then(() => this.#unended.delete(session));
  }

  #open(sa: LiveSa, judged: readonly Endpoint[] | undefined): Session {
    const { connectPolicy, triggerAddress, onOffer, ...options } = this.#options;
    let first = judged;
    return new Session({
      ...options,
      sa,
      tlsSessions: this.#registry.sessions,
      addresses: async () => {
        const known = first;
        first = undefined;
        const { dial } = this.#registry.current(sa.bTid) ?? sa;
        return known ?? resolveConnect(connectPolicy, sa.nafFqdn, dial?.connect, systemLookup);
      },
      turns: this.#turnsOf(sa.nafFqdn),
      triggerAddress: triggerAddress(),
      onOffer: (envelope, from) => onOffer(envelope, { nafFqdn: sa.nafFqdn, from }),
      onOpen: (wakeKey) => {
        if (wakeKey) this.#wakes.rekey(sa.bTid, wakeKey);
        if (this.#registry.current(sa.bTid) === undefined) return;
        this.#registry.establish(sa.bTid);
        this.#proved.add(sa.bTid);
        for (const watcher of this.#watchersOf(sa)) watcher.opened(sa);
        this.#supersede(supersededBy(sa, this.#all));
      },
      onRefused: () => {
        for (const watcher of this.#watchersOf(sa)) watcher.refused(sa);
      },
      onParked: (reason) => {
        this.#registry.park(sa.bTid, reason);
        for (const watcher of this.#watchersOf(sa)) watcher.parked(sa);
        if (isOutdated(sa, this.#all)) this.#supersede([sa]);
      },
      onForget: () => {
        this.#registry.close(sa.bTid, 'revoked');
      },
    });
  }

  #watchersOf({ nafFqdn }: { readonly nafFqdn: Fqdn }): NafWatcher[] {
    return [...this.#watchers].filter((watcher) => watcher.nafFqdn === nafFqdn);
  }

  /** All live associations, oldest first. */
  get #all(): readonly LiveSa[] {
    return this.#registry.of(this.#options.impi);
  }

  #supersede(replaced: readonly LiveSa[]): void {
    for (const { bTid } of replaced) this.#registry.close(bTid, 'superseded');
  }

  #turnsOf(nafFqdn: Fqdn): Turns {
    const turns = this.#turns.get(nafFqdn) ?? createTurns(MAX_DIALS);
    this.#turns.set(nafFqdn, turns);
    return turns;
  }

  #end(sa: Closed): void {
    this.#wakes.forget(sa.bTid);
    const session = this.#sessions.get(sa.bTid);
    this.#sessions.delete(sa.bTid);
    this.#proved.delete(sa.bTid);
    if (!this.#all.some(({ nafFqdn }) => nafFqdn === sa.nafFqdn)) this.#turns.delete(sa.nafFqdn);
    if (sa.reason === 'superseded' || sa.reason === 'revoked') void session?.drain();
    else session?.close();
    for (const watcher of this.#watchersOf(sa)) watcher.closed(sa);
  }
}
