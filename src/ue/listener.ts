/** The UE: from a trigger to an open layer to a handled push, for any number of NAFs. */
import { GbaError, reasonOf, SaError } from '../errors.ts';
import type { BTid, Fqdn } from '../ids.ts';
import { wipe } from '../lib/bytes.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import type { RateLimitOptions } from '../lib/limits.ts';
import type { TlsPolicy, TlsVersion } from '../lib/suites.ts';
import { createTurns, type Turns } from '../lib/turns.ts';
import {
  formatEndpoint,
  formatTriggerAddress,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import { systemLookup } from '../net/network.ts';
import { listenEverywhere } from '../net/upa-listener.ts';
import type { ReplyToTrigger, TriggerListener } from '../net/upa.ts';
import type { AtomicStore, HandledLog, Usim } from '../ports.ts';
import type { Closed, LiveSa, SaStore } from '../sa/association.ts';
import { SaRegistry } from '../sa/registry.ts';
import { createAutsAnswers } from './auts-answers.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';
import { Delivery, type PushHandler } from './delivery.ts';
import { createGpiIntake, type GpiIntake, type GpiIntakeOptions } from './gpi-intake.ts';
import { HandledSet } from './handled-set.ts';
import { Session } from './session.ts';
import { crowdedOut, isOutdated, supersededBy } from './succession.ts';

/** What a UE is made of, and how it behaves. */
export interface UeListenerOptions {
  readonly usim: Usim;
  /** Where triggers come in, one way, several or none; port 0 lets the system choose. */
  readonly listen: TriggerAddress | readonly TriggerAddress[];
  readonly policy: TlsPolicy;
  readonly connectPolicy: ConnectPolicy;
  /** TLS versions that a NAF may bind a key to. Default 1.3 alone. */
  readonly versions?: readonly TlsVersion[];
  readonly handler: PushHandler;
  /** Where handled ids are kept, so that a restart handles nothing twice. */
  readonly handledLog: HandledLog;
  /** At least once instead of at most once: a push that a crash cut off is handled again. */
  readonly redeliver?: boolean;
  /** Where it is kept which AUTS this UE gave, so that it never gives two for one RAND; absent: it gives none. */
  readonly autsStore?: AtomicStore;
  /** Where associations outlive this process; absent: they end with it. It is closed with the UE. */
  readonly saStore?: SaStore;
  /** What the NAF is told of where triggers reach this UE; default where it listens first, unless that is any address. */
  readonly advertise?: TriggerAddress;
  /** See `GpiIntakeOptions` for these three and their defaults. */
  readonly pskIdentity?: GpiIntakeOptions['pskIdentity'];
  readonly pskKey?: GpiIntakeOptions['pskKey'];
  readonly triggerRate?: RateLimitOptions;
  /** Silence on a layer before it is probed, ms. Default 120,000. */
  readonly keepaliveMs?: number;
  /** Gets TLS key-log lines: whoever has them reads every push. Each message is then a TLS record of its own. */
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  readonly clock?: Clock;
}

/** Layers to one NAF that are being opened at once; more wait for their turn. */
const MAX_DIALS = 4;

/** @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
export async function listenForPushes(options: UeListenerOptions): Promise<UeListener> {
  const listener = new UeListener(options);
  try {
    await listener.listening;
  } catch (error) {
    await listener.close();
    throw error;
  }
  return listener;
}

/** Made by `listenForPushes`. */
export class UeListener {
  readonly listening: Promise<void>;
  readonly #options: UeListenerOptions;
  readonly #clock: Clock;
  readonly #registry: SaRegistry;
  readonly #intake: GpiIntake;
  readonly #delivery: Delivery;
  readonly #sessions = new Map<BTid, Session>();
  /** All that are not over, also those of associations that are. */
  readonly #unended = new Set<Session>();
  readonly #turns = new Map<Fqdn, Turns>();
  #upa: readonly TriggerListener[] = [];
  #closed = false;
  #drained: Promise<void> | undefined;
  #gone: Promise<void> | undefined;

  constructor(options: UeListenerOptions) {
    const { usim, connectPolicy, versions = ['1.3'], clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#registry = new SaRegistry({
      clock,
      onClosed: (sa) => {
        this.#end(sa);
      },
      ...(options.saStore && { store: options.saStore }),
    });
    this.#intake = createGpiIntake({
      usim,
      clock,
      policy: connectPolicy,
      acceptBinding: ({ version }) => versions.includes(version),
      ...(options.triggerRate && { rate: options.triggerRate }),
      ...(options.autsStore && {
        auts: createAutsAnswers({
          store: options.autsStore,
          impi: usim.impi,
          clock,
          policy: connectPolicy,
        }),
      }),
      ...(options.pskIdentity && { pskIdentity: options.pskIdentity }),
      ...(options.pskKey && { pskKey: options.pskKey }),
    });
    this.#delivery = new Delivery({
      clock,
      handler: options.handler,
      handled: new HandledSet({
        clock,
        log: options.handledLog,
        redeliver: options.redeliver ?? false,
      }),
    });
    this.listening = listenEverywhere([options.listen].flat(), {
      clock,
      onTrigger: (octets, from, reply) => {
        // A stranger's octets end no process, whatever they find.
        this.#trigger(octets, from, reply).catch((error: unknown) => {
          const reason = reasonOf(error);
          publish('gba:trigger:refused', { from: formatEndpoint(from), code: 'internal', reason });
        });
      },
    }).then((upa) => {
      this.#upa = upa;
      for (const sa of this.#all) this.#start(sa);
    });
  }

  /** Where triggers come in; the first of several ways. @throws Error before `listening` has resolved. */
  get address(): TriggerAddress {
    const [first] = this.#upa;
    if (first === undefined) throw new Error('await listening first');
    return first.address;
  }

  /** All ways by which triggers come in. */
  get addresses(): readonly TriggerAddress[] {
    return this.#upa.map(({ address }) => address);
  }

  /** Takes an envelope that came another way, e.g. by SMS; `from` names its source in events and limits. */
  receive(envelope: Uint8Array, from: string): Promise<void> {
    return this.#trigger(envelope, { host: from, port: 0 });
  }

  /** Takes no more triggers and pushes, answers those at work, and closes. */
  drain(): Promise<void> {
    this.#drained ??= this.#gone ?? this.#drain();
    return this.#drained;
  }

  /** Ends everything at once. What a handler is at work on stays recorded as started. */
  close(): Promise<void> {
    this.#gone ??= this.#close();
    return this.#gone;
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#upa.map((upa) => upa.close()), this.#delivery.stop()]);
    await Promise.all([...this.#unended].map((session) => session.drain()));
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#upa.map((upa) => upa.close()));
    this.#intake.close();
    const sessions = [...this.#unended];
    for (const session of sessions) session.close();
    if (this.#options.saStore) this.#registry.suspendAll();
    else this.#registry.closeAll('revoked');
    await Promise.all(sessions.map((session) => session.ended));
    this.#options.saStore?.close();
    this.#options.handledLog.close();
  }

  async #trigger(octets: Uint8Array, from: Endpoint, reply?: ReplyToTrigger): Promise<void> {
    const accepted = await this.#intake.accept(octets, from, reply);
    if (accepted === undefined) return;
    const { sa } = accepted;
    try {
      if (this.#closed) throw new SaError('ERR_SA_EXPIRED', 'this UE takes no more triggers');
      this.#registry.add(sa);
    } catch (error) {
      wipe(sa.key);
      if (!(error instanceof GbaError)) throw error;
      const { code, message: reason } = error;
      publish('gba:trigger:refused', { from: formatEndpoint(from), code, reason });
      return;
    }
    this.#start(sa, accepted.connect);
    const isDialling = ({ bTid }: LiveSa) => this.#sessions.get(bTid)?.dialling === true;
    this.#supersede(crowdedOut(sa, this.#all, isDialling));
  }

  /** `judged` are addresses for the first dial that policy has allowed already. */
  #start(sa: LiveSa, judged?: readonly Endpoint[]): void {
    const session = this.#open(sa, judged);
    this.#sessions.set(sa.bTid, session);
    this.#unended.add(session);
    void session.ended.then(() => this.#unended.delete(session));
  }

  #open(sa: LiveSa, judged: readonly Endpoint[] | undefined): Session {
    const { policy, connectPolicy, keepaliveMs = 120_000, dangerouslyLogKeys } = this.#options;
    let first = judged;
    return new Session({
      sa,
      clock: this.#clock,
      policy,
      addresses: async () => {
        const known = first;
        first = undefined;
        return known ?? resolveConnect(connectPolicy, sa.nafFqdn, sa.dial?.connect, systemLookup);
      },
      turns: this.#turnsOf(sa.nafFqdn),
      delivery: this.#delivery,
      triggerAddress: this.#ownAddress(),
      keepaliveMs,
      ...(dangerouslyLogKeys && { dangerouslyLogKeys }),
      onOpen: () => {
        if (this.#registry.current(sa.bTid) === undefined) return;
        this.#registry.establish(sa.bTid);
        this.#supersede(supersededBy(sa, this.#all));
      },
      onParked: (reason) => {
        this.#registry.park(sa.bTid, reason);
        if (isOutdated(sa, this.#all)) this.#supersede([sa]);
      },
      onForget: () => {
        this.#registry.close(sa.bTid, 'revoked');
      },
    });
  }

  /** What a NAF may be told; where this listens on all addresses, no one of them is known to be good. */
  #ownAddress(): string | undefined {
    const address = this.#options.advertise ?? this.#upa[0]?.address;
    if (address === undefined) return undefined;
    const unspecified = address.host === '0.0.0.0' || address.host === '::';
    return unspecified ? undefined : formatTriggerAddress(address);
  }

  /** All live associations, oldest first. */
  get #all(): readonly LiveSa[] {
    return this.#registry.of(this.#options.usim.impi);
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
    const session = this.#sessions.get(sa.bTid);
    this.#sessions.delete(sa.bTid);
    if (!this.#all.some(({ nafFqdn }) => nafFqdn === sa.nafFqdn)) this.#turns.delete(sa.nafFqdn);
    if (sa.reason === 'superseded' || sa.reason === 'revoked') void session?.drain();
    else session?.close();
  }
}
