/** A stream between TLS and the network that stops a TLS 1.2 handshake at its ClientKeyExchange (RFC 5246 7.3). */
import { Duplex } from 'node:stream';
import { EMPTY } from '../lib/bytes.ts';
import { MESSAGE, MessageReader } from './records.ts';

export interface HeldStreamOptions {
  readonly raw: Duplex;
  /** What was read off `raw` already, up to where the ClientHello ends; TLS gets it at once. */
  readonly hello: Uint8Array;
  /** Gets both messages; `release` lets the second one go on. */
  readonly onKeyExchange: (serverHello: Uint8Array, clientKeyExchange: Uint8Array) => void;
  /** Nothing is held back any more, nor will be. */
  readonly onOpen: () => void;
  /** TLS refuses what was released; to run `end`, which tells the client, is up to the owner. */
  readonly onRefused: (end: () => void) => void;
  /** How many octets may be held back. */
  readonly limit: number;
  /** No ClientKeyExchange came within the limit. */
  readonly onOversize: () => void;
}

/**
 * `watching` until the ClientKeyExchange is whole, `holding` until its release, `judging` until TLS has
 * answered, `open` for ever after; a handshake without a ClientKeyExchange is never held.
 */
export class HeldStream extends Duplex {
  readonly #options: HeldStreamOptions;
  readonly #inbound = new MessageReader();
  readonly #outbound = new MessageReader();
  #serverHello: Uint8Array = EMPTY;
  #phase: 'watching' | 'holding' | 'judging' | 'refused' | 'open' = 'watching';

  constructor(options: HeldStreamOptions) {
    super();
    this.#options = options;
    const { raw, hello } = options;
    if (hello.length > 0) this.push(hello);
    raw.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    raw.once('end', () => this.destroyed || this.push(null));
    raw.once('close', () => this.destroy());
  }

  /** Holds nothing back from now on, and lets go what was held. */
  release(): void {
    const { stream } = this.#inbound;
    this.#phase = this.#phase === 'holding' ? 'judging' : 'open';
    this.#options.onOpen();
    if (stream.length > 0) this.#deliver(stream);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    if (this.#phase === 'judging' || this.#phase === 'open') {
      this.#deliver(chunk);
      return;
    }
    const { raw, limit, onKeyExchange, onOversize } = this.#options;
    const message = this.#inbound.push(chunk);
    const isOver = this.#inbound.stream.length > limit;
    if (this.#phase === 'holding') {
      if (isOver) raw.pause();
    } else if (message === 'partial') {
      if (isOver) onOversize();
    } else if (message === 'none' || message.type !== MESSAGE.clientKeyExchange) {
      this.release();
    } else {
      this.#phase = 'holding';
      onKeyExchange(this.#serverHello, message.octets);
    }
  }

  #deliver(chunk: Uint8Array): void {
    if (!this.push(chunk)) this.#options.raw.pause();
  }

  override _read(): void {
    this.#options.raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #send(chunks: readonly Buffer[], done: () => void): void {
    const { raw } = this.#options;
    if (this.#phase === 'watching') this.#watch(chunks);
    if (this.#phase === 'judging') {
      if (chunks[0]?.[0] === ALERT) {
        this.#refuse(Buffer.concat(chunks));
        done();
        return;
      }
      this.#phase = 'open';
    }
    raw.cork();
    chunks.forEach((chunk, i) => {
      raw.write(
        chunk,
        i === chunks.length - 1
          ? () => {
              done();
            }
          : ignore,
      );
    });
    raw.uncork();
  }

  #watch(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      const message = this.#outbound.push(chunk);
      if (typeof message === 'object') this.#serverHello = message.octets;
    }
  }

  override _final(done: () => void): void {
    if (this.#phase === 'refused') done();
    else
      this.#options.raw.end(() => {
        done();
      });
  }

  override _destroy(_error: Error | null, done: () => void): void {
    if (this.#phase === 'judging') this.#refuse(EMPTY);
    if (this.#phase !== 'refused') this.#options.raw.destroy();
    done();
  }

  /** The owner says when the network hears of it. */
  #refuse(alert: Uint8Array): void {
    const { raw, onRefused } = this.#options;
    this.#phase = 'refused';
    onRefused(() => {
      raw.end(alert, () => raw.destroy());
    });
  }
}

/** The same that holds nothing back from the start. */
export function openStream(raw: Duplex): HeldStream {
  const stream = new HeldStream({
    ...{ raw, hello: EMPTY, limit: 0 },
    ...{ onKeyExchange: ignore, onOpen: ignore, onRefused: ignore, onOversize: ignore },
  });
  stream.release();
  return stream;
}

const ALERT = 21;
const ignore = (): void => {};
