/** As many SIMs as a benchmark wants devices, each with a key of its own. */
import {
  impiFromImsi,
  parseImsi,
  type SubscriberRecord,
  type UsimCredentials,
} from '../../src/index.ts';

/** The n-th SIM as it knows itself. */
export function simOf(n: number): UsimCredentials {
  const imsi = parseImsi(`00101${String(n).padStart(10, '0')}`);
  const octets = (salt: number): Uint8Array => {
    const made = Buffer.alloc(16, salt);
    made.writeUInt32BE(n);
    return made;
  };
  return { algorithm: 'milenage', k: octets(4), opc: octets(5), imsi, impi: impiFromImsi(imsi) };
}

/** The same as its network knows it. */
export function subscriberOf(n: number): SubscriberRecord {
  return { ...simOf(n), amf: Uint8Array.of(0x80, 0) };
}
