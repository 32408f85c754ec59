/** The token of a request until it is answered: two numbers, since an array for each would cost more than all else. */
import { MAX_TOKEN } from '../codec/coap-tcp.ts';
import type { ReceivedMessage } from '../codec/received.ts';
import { EMPTY } from '../lib/bytes.ts';

export class KeptToken {
  readonly #length: number;
  /** The first four octets and the last four. */
  readonly #high: number;
  readonly #low: number;

  constructor({ octets, tokenStart, tokenEnd }: ReceivedMessage) {
    let high = 0;
    let low = 0;
    for (let at = tokenStart; at < tokenEnd; at++) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | (octets[at] ?? 0);
    }
    this.#length = tokenEnd - tokenStart;
    this.#high = high;
    this.#low = low;
  }

  /** They are overwritten by the next call, of any token of that length: encode them at once. */
  get octets(): Uint8Array {
    const octets = BY_LENGTH[this.#length] ?? EMPTY;
    let [high, low] = [this.#high, this.#low];
    for (let at = octets.length - 1; at >= 0; at--) {
      octets[at] = low;
      low = (low >>> 8) | (high << 24);
      high >>>= 8;
    }
    return octets;
  }
}

const BY_LENGTH = Array.from({ length: MAX_TOKEN + 1 }, (_, length) => new Uint8Array(length));
