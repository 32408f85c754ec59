/** Who holds the connections of a server: strangers few and briefly, each client a bounded number for good. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../lib/clock.ts';

export interface ClientsOptions {
  readonly clock: Clock;
  /** How long a connection may be nobody's, ms. */
  readonly strangerMs: number;
  /** Connections that are nobody's; the oldest makes room for the next. */
  readonly strangers: number;
  /** Connections of one client; the oldest is ended by `retire`. */
  readonly perClient: number;
  /** Lets a connection end when what was asked over it is answered. */
  readonly retire: (socket: Socket) => void;
}

/**
 * A client proves itself within a round trip and an idle stranger lasts until its deadline, so making room
 * by dropping the oldest lets a client in, however many idle connections there are.
 */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #strangers = new Map<Socket, Timer>();
  readonly #byName = new Map<string, Set<Socket>>();

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** A connection came in, of nobody yet. */
  add(socket: Socket): void {
    const { clock, strangerMs, strangers } = this.#options;
    const [oldest] = this.#strangers.keys();
    if (oldest && this.#strangers.size >= strangers) this.#drop(oldest);
    const deadline = clock.after(strangerMs, () => {
      this.#drop(socket);
    });
    this.#strangers.set(socket, deadline);
    socket.once('close', () => {
      this.#drop(socket);
    });
  }

  /** It is this client's, and may last. Again has no effect. */
  belongsTo(name: string, socket: Socket): void {
    const own = this.#byName.get(name) ?? new Set<Socket>();
    this.#strangers.get(socket)?.cancel();
    this.#strangers.delete(socket);
    if (own.has(socket) || socket.closed) return;
    const [oldest] = own;
    if (oldest && own.size >= this.#options.perClient) {
      own.delete(oldest);
      this.#options.retire(oldest);
    }
    own.add(socket);
    this.#byName.set(name, own);
    socket.once('close', () => {
      own.delete(socket);
      if (own.size === 0 && this.#byName.get(name) === own) this.#byName.delete(name);
    });
  }

  #drop(stranger: Socket): void {
    this.#strangers.get(stranger)?.cancel();
    if (this.#strangers.delete(stranger)) stranger.destroy();
  }
}
