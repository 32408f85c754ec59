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
  /** TLS ends the handshake before a ClientKeyExchange, with this alert. */
  readonly onAlert: (description: number) => void;
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
  readonly #raw: Duplex;
  /** All that the handshake needs; nothing of it once the stream is open. */
  #hold: Hold | undefined;
  #phase: 'watching' | 'holding' | 'judging' | 'refused' | 'open' = 'watching';

  constructor({ raw, hello, ...rules }: HeldStreamOptions) {
    super();
    this.#raw = raw;
    const [inbound, outbound] = [new MessageReader(), new MessageReader()];
    this.#hold = { ...rules, inbound, outbound, serverHello: EMPTY };
    if (hello.length > 0) this.push(hello);
    raw.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    raw.once('end', () => this.destroyed || this.push(null));
    raw.once('close', () => this.destroy());
  }

  /** Holds nothing back from now on, and lets go what was held. */
  release(): void {
    const hold = this.#hold;
    if (hold === undefined) return;
    const { stream } = hold.inbound;
    hold.inbound = new MessageReader();
    if (this.#phase === 'holding') this.#phase = 'judging';
    else this.#open();
    hold.onOpen();
    if (stream.length > 0) this.#deliver(stream);
  }

  #open(): void {
    this.#phase = 'open';
    this.#hold = undefined;
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    const hold = this.#hold;
    if (hold === undefined || this.#phase === 'judging') {
      this.#deliver(chunk);
      return;
    }
    const message = hold.inbound.push(chunk);
    const isOver = hold.inbound.stream.length > hold.limit;
    if (this.#phase === 'holding') {
      if (isOver) this.#raw.pause();
    } else if (message === 'partial') {
      if (isOver) hold.onOversize();
    } else if (message === 'none' || message.type !== MESSAGE.clientKeyExchange) {
      this.release();
    } else {
      this.#phase = 'holding';
      hold.onKeyExchange(hold.serverHello, message.octets);
    }
  }

  #deliver(chunk: Uint8Array): void {
    if (!this.push(chunk)) this.#raw.pause();
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#phase === 'open') this.#raw.write(chunk, done);
    else this.#answer([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#answer(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #answer(chunks: readonly Buffer[], done: () => void): void {
    if (this.#phase === 'watching') this.#watch(chunks);
    if (this.#phase === 'judging') {
      if (chunks[0]?.[0] === ALERT) {
        this.#refuse(Buffer.concat(chunks));
        done();
        return;
      }
      this.#open();
    }
    this.#raw.cork();
    for (const chunk of chunks.slice(0, -1)) this.#raw.write(chunk);
    this.#raw.write(chunks.at(-1) ?? EMPTY, done);
    this.#raw.uncork();
  }

  #watch(chunks: readonly Buffer[]): void {
    const hold = this.#hold;
    const [first] = chunks;
    if (first?.[0] === ALERT) hold?.onAlert(first[ALERT_DESCRIPTION] ?? 0);
    for (const chunk of chunks) {
      const message = hold?.outbound.push(chunk);
      if (hold && typeof message === 'object') hold.serverHello = message.octets;
    }
  }

  override _final(done: () => void): void {
    if (this.#phase === 'refused') done();
    else this.#raw.end(done);
  }

  override _destroy(_error: Error | null, done: () => void): void {
    if (this.#phase === 'judging') this.#refuse(EMPTY);
    if (this.#phase !== 'refused') this.#raw.destroy();
    done();
  }

  /** The owner says when the network hears of it. */
  #refuse(alert: Uint8Array): void {
    const [raw, hold] = [this.#raw, this.#hold];
    this.#phase = 'refused';
    hold?.onRefused(() => {
      raw.end(alert, () => raw.destroy());
    });
  }
}

interface Hold extends Omit<HeldStreamOptions, 'raw' | 'hello'> {
  inbound: MessageReader;
  readonly outbound: MessageReader;
  serverHello: Uint8Array;
}

/** The same that holds nothing back from the start. */
export function openStream(raw: Duplex): HeldStream {
  const stream = new HeldStream({
    ...{ raw, hello: EMPTY, limit: 0 },
    ...{ onKeyExchange: ignore, onOpen: ignore, onAlert: ignore },
    ...{ onRefused: ignore, onOversize: ignore },
  });
  stream.release();
  return stream;
}

const ALERT = 21;
/** Where it is in its record (RFC 5246 7.2). */
const ALERT_DESCRIPTION = 6;
const ignore = (): void => {};
