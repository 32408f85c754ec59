/** The UE: from a trigger to an open layer to a handled push, for any number of NAFs. */
import {
  formatEndpoint,
  formatTriggerAddress,
  isUnspecified,
  type Endpoint,
  type TriggerAddress,
} from '../codec/address.ts';
import type { OfferAnswer } from '../codec/gpi-offer.ts';
import { isWake } from '../codec/wake.ts';
import { AkaError, GbaError, reasonOf, SaError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { systemClock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { createTurns } from '../lib/turns.ts';
import { dialPsk } from '../net/psk-client.ts';
import { listenEverywhere } from '../net/upa-listener.ts';
import type { ReplyToTrigger, TriggerListener } from '../net/upa.ts';
import { createAutsAnswers } from './auts-answers.ts';
import type { BootstrapTarget } from './bootstrap.ts';
import { Delivery } from './delivery.ts';
import { createGpiIntake, type GpiIntake } from './gpi-intake.ts';
import type { AcceptedTrigger } from './gpi-judge.ts';
import { HandledSet } from './handled-set.ts';
import { Keepers } from './keepers.ts';
import type { UeListenerOptions } from './listener-options.ts';
import { Sessions, type OfferingLayer } from './sessions.ts';

export type { UeListenerOptions } from './listener-options.ts';

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
  readonly #intake: GpiIntake;
  readonly #delivery: Delivery;
  readonly #sessions: Sessions;
  readonly #keepers: Keepers;
  /** Aborts when nothing is begun any more. */
  readonly #stop = new AbortController();
  #upa: readonly TriggerListener[] = [];
  #drained: Promise<void> | undefined;
  #gone: Promise<void> | undefined;

  /** `dial` is `dialPsk` but in tests that open no socket. */
  constructor(options: UeListenerOptions, dial = dialPsk) {
    const { usim, policy, connectPolicy, versions = ['1.3'], clock = systemClock } = options;
    const { dangerouslyLogKeys, keepaliveMs = 120_000, saStore, resumption } = options;
    const { autsStore: store } = options;
    this.#options = options;
    const turns = createTurns(1);
    const auts =
      store && createAutsAnswers({ store, impi: usim.impi, clock, policy: connectPolicy });
    const pskKey = options.pskKey ?? 'external';
    this.#intake = createGpiIntake({
      usim,
      turns,
      clock,
      policy: connectPolicy,
      acceptBinding: ({ version }) => versions.includes(version),
      ...(options.triggerRate && { rate: options.triggerRate }),
      ...(auts && { auts }),
      ...(options.pskIdentity && { pskIdentity: options.pskIdentity }),
      pskKey,
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
    this.#sessions = new Sessions({
      impi: usim.impi,
      clock,
      policy,
      connectPolicy,
      delivery: this.#delivery,
      dial,
      triggerAddress: () => this.#ownAddress(),
      keepaliveMs,
      saStore,
      resumption,
      onOffer: (envelope, layer) =>
        this.#offer(envelope, layer).catch((error: unknown) => {
          failed(layer.from, error);
          return { kind: 'refused' };
        }),
      wakeRate: options.triggerRate,
      ...(dangerouslyLogKeys && { dangerouslyLogKeys }),
    });
    this.listening = listenEverywhere([options.listen].flat(), {
      clock,
      onTrigger: (octets, from, reply) => {
        // A stranger's octets end no process, whatever they find.
        this.#trigger(octets, from, reply).catch((error: unknown) => {
          failed(from, error);
        });
      },
    }).then((upa) => {
      this.#upa = upa;
      this.#sessions.resume();
    });
    this.#keepers = new Keepers({
      bootstrapper: { usim, turns, clock, policy, connectPolicy, pskKey, auts },
      versions,
      sessions: this.#sessions,
      listening: this.listening,
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

  /**
   * Normal GBA: from now on a key of that NAF is at hand and its layer kept open, without any trigger, so
   * that pushes find it open. What is on disk is used; a new key is made before it ends, and, later and
   * later, where the BSF gives none or the NAF takes none: the events `gba:bootstrap:succeeded` and
   * `gba:bootstrap:failed` tell. Resolves when `signal` aborts or this UE ends. Triggers are heard all the
   * while. @throws RangeError for a binding that this UE has no suite for.
   */
  async bootstrap(target: BootstrapTarget, signal?: AbortSignal): Promise<void> {
    const stop = this.#stop.signal;
    await this.#keepers.keep(target, signal ? AbortSignal.any([stop, signal]) : stop);
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
    this.#stop.abort();
    await Promise.all([...this.#upa.map((upa) => upa.close()), this.#delivery.stop()]);
    await this.#sessions.drain();
    await this.close();
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#upa.map((upa) => upa.close()));
    await this.#keepers.ended();
    this.#intake.close();
    await this.#sessions.close();
    this.#options.saStore?.close();
    this.#options.handledLog.close();
  }

  async #trigger(octets: Uint8Array, from: Endpoint, reply?: ReplyToTrigger): Promise<void> {
    if (isWake(octets)) return this.#sessions.wake(octets, from);
    const accepted = await this.#intake.accept(octets, from, reply);
    if (accepted) this.#add(accepted, from);
  }

  /** A new key inside an open layer: its association is made beside the one that serves. */
  async #offer(envelope: Uint8Array, layer: OfferingLayer): Promise<OfferAnswer> {
    let message: Uint8Array | undefined;
    const reply: ReplyToTrigger = (octets) => (message = octets);
    const verdict = await this.#intake.acceptInside(envelope, { ...layer, reply });
    switch (verdict.kind) {
      case 'accepted':
        return { kind: this.#add(verdict.trigger, layer.from) ? 'accepted' : 'refused' };
      case 'accepted-before':
        return { kind: this.#sessions.has(verdict.bTid) ? 'accepted' : 'refused' };
      case 'refused': {
        if (message) return { kind: 'out-of-step', message };
        const { error } = verdict;
        const mayPass = error.retryable && !(error instanceof AkaError);
        return mayPass ? { kind: 'not-now', afterMs: PAUSE_MS } : { kind: 'refused' };
      }
    }
  }

  /** False when there is no room for it, which is told as an event. */
  #add({ sa, connect }: AcceptedTrigger, from: Endpoint): boolean {
    try {
      if (this.#stop.signal.aborted)
        throw new SaError('ERR_SA_EXPIRED', 'this UE takes no more triggers');
      this.#sessions.add(sa, connect);
      return true;
    } catch (error) {
      wipe(sa.key);
      if (!(error instanceof GbaError)) throw error;
      const { code, message: reason } = error;
      publish('gba:trigger:refused', { from: formatEndpoint(from), code, reason });
      return false;
    }
  }

  /** What a NAF may be told; where this listens on all addresses, no one of them is known to be good. */
  #ownAddress(): string | undefined {
    const address = this.#options.advertise ?? this.#upa[0]?.address;
    if (address === undefined || isUnspecified(address.host)) return undefined;
    return formatTriggerAddress(address);
  }
}

function failed(from: Endpoint, error: unknown): void {
  const reason = reasonOf(error);
  publish('gba:trigger:refused', { from: formatEndpoint(from), code: 'internal', reason });
}

/** For what stands in the way of an offer, and may pass: a queue, the DNS, a store. */
const PAUSE_MS = 1_000;
