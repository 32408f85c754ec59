/** Each message in a write, and so a TLS record, of its own: slower, but Wireshark 4.0 reads one per record. */
import type { Writable } from 'node:stream';
import type { OutgoingMessage } from '../codec/coap.ts';
import { encodeMessage } from '../codec/coap-tcp.ts';

/** A `WriteBatch` for a layer whose keys are logged: somebody wants to look at it. */
export class SingleWriter {
  readonly #socket: Writable;
  readonly #onWritten: () => void;
  readonly #waiting: Uint8Array[] = [];
  #writing = false;
  #queued = 0;

  constructor(socket: Writable, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = onWritten;
  }

  /** Octets on this side of the kernel. */
  get queued(): number {
    return this.#queued;
  }

  add(message: OutgoingMessage): void {
    const octets = encodeMessage(message);
    this.#queued += octets.length;
    this.#waiting.push(octets);
    this.#next();
  }

  /** Writes the rest, whatever record it falls into; drops it when the socket has ended. */
  flush(): void {
    for (const octets of this.#waiting.splice(0)) this.#write(octets);
  }

  /** Node joins writes that wait for one under way into one record: so none waits. */
  #next(): void {
    if (this.#writing) return;
    const octets = this.#waiting.shift();
    if (octets === undefined) return;
    this.#writing = true;
    this.#write(octets);
  }

  #write(octets: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#socket.write(octets, () => {
      this.#queued -= octets.length;
      this.#writing = false;
      this.#onWritten();
      this.#next();
    });
  }
}
