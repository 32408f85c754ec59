/** Handshakes that are not finished: a deadline for each, a bound on all, the oldest makes room. */
import type { Socket } from 'node:net';
import { ChannelError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { EqualWaits, type Waiting } from '../lib/equal-waits.ts';
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

interface Pending extends Handshake, Waiting<Pending> {
  readonly raw: Socket;
  readonly host: string;
  readonly port: number;
  readonly source: string;
  readonly onClose: () => void;
  /** The one before it among those whose ports end in the same bits. */
  next: Pending | undefined;
}

/**
 * A genuine handshake takes a few round trips and an idle one lasts until its deadline, so making
 * room by dropping the oldest lets a peer in that holds the key, however many idle ones there are.
 */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** Oldest first. */
  readonly #pending;
  /** The youngest of those whose ports end in the same bits. */
  readonly #byPort = new Array<Pending | undefined>(PORTS).fill(undefined);

  constructor(options: HandshakesOptions) {
    this.#options = options;
    this.#pending = new EqualWaits<Pending>({
      clock: options.clock,
      onDue: (pending) => {
        this.#forget(pending);
        this.#cut(pending, 'ERR_CHANNEL_TIMEOUT', 'the TLS handshake took too long');
      },
    });
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
    const startedAt = clock.monotonic();
    const pending: Pending = {
      raw,
      host,
      port,
      source,
      remote: formatEndpoint({ host, port }),
      startedAt,
      dueAt: startedAt + timeoutMs,
      onClose: () => {
        this.#drop(pending, 'ERR_CHANNEL_CLOSED', 'the connection ended during the TLS handshake');
      },
      next: this.#byPort[port % PORTS],
      line: undefined,
      ahead: undefined,
      behind: undefined,
    };
    this.#byPort[port % PORTS] = pending;
    this.#pending.add(pending);
    raw.on('close', pending.onClose);
    return pending;
  }

  /**
   * The handshake on this connection is over, by success or by a TLS error; undefined when it was dropped.
   * `known` spares asking the kernel who the peer is.
   */
  end(socket: Socket, known?: Endpoint): Handshake | undefined {
    const { host, port = 0 } = known ?? { host: socket.remoteAddress, port: socket.remotePort };
    const pending = host === undefined ? undefined : this.#find(host, port, socket);
    if (pending !== undefined) this.#remove(pending);
    return pending;
  }

  /**
   * A peer, or a translator of addresses, may use one port towards two of our addresses. To ask the kernel
   * for ours each time would cost as much as all the rest.
   */
  #find(host: string, port: number, socket: Socket): Pending | undefined {
    const youngest = fromThere(this.#byPort[port % PORTS], host, port);
    if (fromThere(youngest?.next, host, port) === undefined) return youngest;
    const { localAddress } = socket;
    let rival = youngest;
    while (rival !== undefined && rival.raw.localAddress !== localAddress) {
      rival = fromThere(rival.next, host, port);
    }
    return rival;
  }

  #makeRoom(source: string, { handshakes, perAddress }: HandshakeLimits): void {
    if (this.#pending.size < Math.min(handshakes, perAddress)) return;
    const all = [...this.#pending];
    const same = all.filter((pending) => pending.source === source);
    const crowded = same.length >= perAddress ? same : all.length >= handshakes ? all : [];
    const [oldest] = crowded;
    if (oldest) this.#drop(oldest, 'ERR_CHANNEL_CLOSED', 'too many unfinished TLS handshakes');
  }

  #drop(pending: Pending, code: DropCode, why: string): void {
    if (this.#remove(pending)) this.#cut(pending, code, why);
  }

  #cut(pending: Pending, code: DropCode, why: string): void {
    pending.raw.destroy();
    this.#options.onDropped(pending, new ChannelError(code, why, { retryable: true }));
  }

  #remove(pending: Pending): boolean {
    const stood = this.#pending.delete(pending);
    if (stood) this.#forget(pending);
    return stood;
  }

  #forget(pending: Pending): void {
    pending.raw.off('close', pending.onClose);
    const place = pending.port % PORTS;
    let each = this.#byPort[place];
    if (each === pending) this.#byPort[place] = pending.next;
    while (each !== undefined && each.next !== pending) each = each.next;
    if (each !== undefined) each.next = pending.next;
    pending.next = undefined;
  }
}

type DropCode = 'ERR_CHANNEL_TIMEOUT' | 'ERR_CHANNEL_CLOSED';

/** The next with this peer, itself included. */
function fromThere(pending: Pending | undefined, host: string, port: number): Pending | undefined {
  let each = pending;
  while (each !== undefined && (each.port !== port || each.host !== host)) each = each.next;
  return each;
}

/** Ports of one peer are counted up, so few of them share a place. */
const PORTS = 256;
