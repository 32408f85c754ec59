/** Handshakes that are not finished: a deadline for each, a bound on all, the oldest makes room. */
import type { Socket } from 'node:net';
import { ChannelError } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { sourceOf } from '../lib/ip.ts';

export interface HandshakeLimits {
  /** In all. */
  readonly handshakes: number;
  /** Per IPv4 address, or per /64 of IPv6. */
  readonly perAddress: number;
}

export interface Handshake {
  readonly remote: string;
  /** Monotonic ms at which the TCP connection came in. */
  readonly startedAt: number;
}

export interface HandshakesOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly limits: HandshakeLimits;
  /** Hears of each handshake that did not come to an end of its own: too slow, too many, hung up. */
  readonly onDropped: (handshake: Handshake, fault: ChannelError) => void;
}

interface Pending extends Handshake {
  /** What no other open connection has. */
  readonly path: string;
  readonly raw: Socket;
  readonly source: string;
  readonly deadline: Timer;
  readonly onClose: () => void;
}

/**
 * A genuine handshake takes a few round trips and an idle one lasts until its deadline, so making
 * room by dropping the oldest lets a peer in that holds the key, however many idle ones there are.
 */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** By `path`, oldest first. */
  readonly #pending = new Map<string, Pending>();
  /** How many of them are told apart by our own address alone. */
  #rivals = 0;

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** A TCP connection came in. */
  begin(raw: Socket): Handshake {
    const { clock, timeoutMs, limits } = this.#options;
    const { remoteAddress: host = '', remotePort: port = 0 } = raw;
    const source = sourceOf(host);
    this.#makeRoom(source, limits);
    const remote = formatEndpoint({ host, port });
    const pending: Pending = {
      raw,
      source,
      path: this.#pathOf(raw, remote),
      remote,
      startedAt: clock.monotonic(),
      deadline: clock.after(timeoutMs, () => {
        this.#drop(pending, 'ERR_CHANNEL_TIMEOUT', 'the TLS handshake took too long');
      }),
      onClose: () => {
        this.#drop(pending, 'ERR_CHANNEL_CLOSED', 'the connection ended during the TLS handshake');
      },
    };
    if (pending.path !== remote && !this.#pending.has(pending.path)) this.#rivals += 1;
    this.#pending.set(pending.path, pending);
    raw.on('close', pending.onClose);
    return pending;
  }

  /**
   * The handshake on this connection is over, by success or by a TLS error; undefined when it was dropped.
   * `known` spares asking the kernel who the peer is.
   */
  end(socket: Socket, known?: Endpoint): Handshake | undefined {
    const { host, port = 0 } = known ?? { host: socket.remoteAddress, port: socket.remotePort };
    if (!host) return undefined;
    const remote = formatEndpoint({ host, port });
    const first = this.#pending.get(remote);
    const isFirst = this.#rivals === 0 || first?.raw.localAddress === socket.localAddress;
    const pending = isFirst ? first : this.#pending.get(longPath(remote, socket));
    if (pending !== undefined) this.#remove(pending);
    return pending;
  }

  /** The peer's address, and ours as well where another connection has the same. */
  #pathOf(raw: Socket, remote: string): string {
    const first = this.#pending.get(remote)?.raw;
    const isFree = first === undefined || first.destroyed;
    return isFree || first.localAddress === raw.localAddress ? remote : longPath(remote, raw);
  }

  #makeRoom(source: string, { handshakes, perAddress }: HandshakeLimits): void {
    if (this.#pending.size < Math.min(handshakes, perAddress)) return;
    const all = [...this.#pending.values()];
    const same = all.filter((pending) => pending.source === source);
    const crowded = same.length >= perAddress ? same : all.length >= handshakes ? all : [];
    const [oldest] = crowded;
    if (oldest) this.#drop(oldest, 'ERR_CHANNEL_CLOSED', 'too many unfinished TLS handshakes');
  }

  #drop(pending: Pending, code: 'ERR_CHANNEL_TIMEOUT' | 'ERR_CHANNEL_CLOSED', why: string): void {
    if (!this.#remove(pending)) return;
    pending.raw.destroy();
    this.#options.onDropped(pending, new ChannelError(code, why, { retryable: true }));
  }

  #remove(pending: Pending): boolean {
    pending.deadline.cancel();
    pending.raw.off('close', pending.onClose);
    if (this.#pending.get(pending.path) !== pending) return false;
    if (pending.path !== pending.remote) this.#rivals -= 1;
    return this.#pending.delete(pending.path);
  }
}

/**
 * A peer, or a translator of addresses, may use one port towards two of our addresses. To ask the kernel
 * for ours each time would cost as much as all the rest.
 */
function longPath(remote: string, { localAddress = '' }: Socket): string {
  return `${remote} ${localAddress}`;
}
