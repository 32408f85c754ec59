/** The NAF: takes pushes for any number of UEs and sees each to its outcome (design: docs/design.md). */
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { OCTET_STREAM } from '../codec/push.ts';
import { ChannelError } from '../errors.ts';
import type { BTid, Impi } from '../ids.ts';
import { patiently, systemClock, type Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { listenPsk, type PskServer } from '../net/psk-server.ts';
import type { LiveSa } from '../sa/association.ts';
import type { Announcement } from './announcer.ts';
import { Devices } from './devices.ts';
import { entryOf, type Receipt } from './entry.ts';
import type { Layer } from './layer.ts';
import { pushIds } from './push-ids.ts';
import type { PushOptions, PushServerOptions } from './push-server-options.ts';

export type { PushOptions, PushServerOptions } from './push-server-options.ts';

const DEFAULT_TTL_SECONDS = 86_400;
/** For a UE to say that it has forgotten the key. */
const GOODBYE_MS = 2_000;

/** @throws ConfigError ERR_CONFIG_ADDRESS when it cannot listen there. */
export async function listenPushServer(options: PushServerOptions): Promise<PushServer> {
  const server = new PushServer(options);
  await server.listening;
  return server;
}

/** Made by `listenPushServer`. */
export class PushServer {
  readonly listening: Promise<void>;
  readonly #options: PushServerOptions;
  readonly #clock: Clock;
  readonly #devices: Devices;
  readonly #ids = pushIds();
  #psk: PskServer | undefined;
  #seq = 0;
  /** Aborts, with what is told to callers, when nothing more is taken. */
  readonly #end = new AbortController();

  constructor(options: PushServerOptions) {
    const { policy, clock = systemClock, binding = { version: '1.3' } } = options;
    this.#options = options;
    this.#clock = clock;
    this.#devices = new Devices({
      ...options,
      address: () => this.address,
      ended: this.#end.signal,
    });
    const { registry, arrivals } = this.#devices;
    this.listening = listenPsk({
      ...options.listen,
      policy,
      clock,
      versions: [binding.version],
      find: (identity) => registry.find(identity),
      faultOf: (identity) => registry.faultOf(identity),
      sessions: registry.sessions,
      onLayer: (secured) => {
        this.#devices.accept(secured);
      },
      ...(arrivals && { lookup: (identity, wait) => arrivals.lookUp(identity, wait) }),
      ...(options.dangerouslyLogKeys && { keylog: options.dangerouslyLogKeys }),
    }).then((psk) => {
      this.#psk = psk;
      publish('gba:naf:listening', { address: formatEndpoint(psk.address) });
    });
  }

  /** Where it listens. @throws Error before `listening` has resolved. */
  get address(): Endpoint {
    if (this.#psk === undefined) throw new Error('await listening first');
    return this.#psk.address;
  }

  /** Handshakes in which an association's own key was looked up and used. */
  get fullHandshakes(): number {
    return this.#psk?.fullHandshakes ?? 0;
  }

  /** Handshakes that took up a TLS 1.2 session of a live association. */
  get resumedHandshakes(): number {
    return this.#psk?.resumedHandshakes ?? 0;
  }

  /**
   * Hands one push to the UE: at most once, and the outcome is always known. `payload` is not copied.
   * @throws PushError ERR_PUSH_QUEUE_FULL, ChannelError ERR_CHANNEL_CLOSED after `close`.
   */
  push(impi: Impi, payload: Uint8Array, options: PushOptions = {}): Promise<Receipt> {
    if (this.#end.signal.aborted) return Promise.reject(this.#end.signal.reason as ChannelError);
    const {
      ttlSeconds = DEFAULT_TTL_SECONDS,
      urgency = 'normal',
      contentFormat = OCTET_STREAM,
    } = options;
    const acceptedAt = this.#clock.monotonic();
    const id = this.#ids();
    return new Promise((resolve) => {
      const push = { id, urgency, ttlSeconds, seq: ++this.#seq, contentFormat, payload };
      this.#devices.of(impi).enqueue(entryOf(push, acceptedAt, resolve));
    });
  }

  /** Backpressure: resolves when a push for this UE will not be refused for a full queue. */
  whenRoom(impi: Impi): Promise<void> {
    return this.#devices.of(impi).whenRoom();
  }

  /**
   * Makes an association without sending its trigger. At most 8 of one UE wait for it at a time: the
   * oldest makes room. @throws BsfError, StoreError, ChannelError ERR_CHANNEL_CLOSED after `close`.
   */
  announce(impi: Impi, signal?: AbortSignal): Promise<Announcement> {
    return this.#devices.announce(impi, signal);
  }

  /** The live associations, of one UE or of all, oldest first. What they hold of keys is not for showing. */
  associations(impi?: Impi): readonly LiveSa[] {
    const { registry } = this.#devices;
    return impi === undefined ? registry.all() : registry.of(impi);
  }

  /**
   * Ends one association, or all of a UE: its keys at once, its layer within 100 ms, and nothing lets it
   * back in. Pushes that wait go by a new one. Returns how many there were.
   */
  revoke(which: BTid | Impi): number {
    const { registry } = this.#devices;
    const one = registry.current(which as BTid);
    const found = one ? [one] : registry.of(which as Impi);
    for (const { bTid } of found) registry.close(bTid, 'revoked');
    return found.length;
  }

  /**
   * Ends the layers of one association, or all of a UE, once what is out on them is answered. The keys stay:
   * the UE comes back under them. Resolves when the layers are gone, with how many there were.
   */
  async park(which: BTid | Impi): Promise<number> {
    const layers = this.#devices.layers.filter(
      ({ bTid, impi }) => bTid === which || impi === which,
    );
    await Promise.all(layers.map((layer) => layer.drain()));
    return layers.length;
  }

  /**
   * Sends nothing more, lets every push that is out be answered, and closes. UEs are told to forget
   * associations that end with this NAF; those in a store are for its next life.
   */
  async drain(): Promise<void> {
    this.#end.abort(new ChannelError('ERR_CHANNEL_CLOSED', 'the NAF takes no more pushes'));
    this.#devices.stop();
    const { layers } = this.#devices;
    await Promise.all(layers.map((layer) => layer.settled()));
    const end = (layer: Layer) => (this.#options.saStore ? layer.drain() : layer.forget());
    await patiently(this.#clock, GOODBYE_MS, Promise.allSettled(layers.map(end)));
    await this.close();
  }

  /** Ends every layer and association at once; what has no outcome is dropped. */
  async close(): Promise<void> {
    const ended = new ChannelError(
      'ERR_CHANNEL_CLOSED',
      'the NAF was closed before an outcome was known',
    );
    this.#end.abort(ended);
    this.#devices.stop();
    const { layers, registry } = this.#devices;
    if (this.#options.saStore) registry.suspendAll();
    else registry.closeAll('revoked');
    for (const layer of layers) layer.close();
    await Promise.all(layers.map((layer) => layer.closed));
    this.#devices.drop(ended);
    await Promise.all([this.#psk?.close(), this.#options.triggers.close()]);
    this.#options.saStore?.close();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
