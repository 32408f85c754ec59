/** The pinned GPI of test/vectors/gpi-1.json as values, and generators for its fields. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { Endpoint } from '../../src/codec/address.ts';
import type { GbaPushInfo, GpiSeal } from '../../src/codec/gpi.ts';
import {
  parseFqdn,
  parseImpi,
  parsePTid,
  parseUaSecurityProtocolId,
  pTidOf,
  uaIdOf,
  type Fqdn,
} from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { ipText } from '../../src/lib/ip.ts';

type HexField =
  | 'rand'
  | 'autn'
  | 'ck'
  | 'ik'
  | 'gpiKey'
  | 'gpiMacKey'
  | 'gpiEncryptionKey'
  | 'plaintext'
  | 'gpi'
  | 'ksNaf'
  | 'upaMacKey'
  | 'envelope';
type TextField = 'impi' | 'uaId' | 'pTid' | 'bsfFqdn' | 'nafFqdn';

const json = JSON.parse(
  readFileSync(new URL('../vectors/gpi-1.json', import.meta.url), 'utf8'),
) as Record<HexField | TextField, string> & {
  lifetimeSeconds: number;
  expiresAt: number;
  sessionId: number;
  connect: Endpoint;
};

/** A field of the vector as octets. */
export function octetsOf(field: HexField): Uint8Array {
  return fromHex(json[field]);
}

export const { sessionId, connect, impi: impiText } = json;
export const impi = parseImpi(impiText);
export const home = '.mnc001.mcc001.pub.3gppnetwork.org';
export const seal: GpiSeal = { key: octetsOf('gpiKey'), impi };
export const pushInfo: GbaPushInfo = {
  gbaU: false,
  rand: octetsOf('rand'),
  autn: octetsOf('autn'),
  lifetimeSeconds: json.lifetimeSeconds,
  expiresAt: json.expiresAt,
  uaId: parseUaSecurityProtocolId(json.uaId),
  pTid: parsePTid(json.pTid).pTid,
  bsfFqdn: parseFqdn(json.bsfFqdn),
  nafFqdn: parseFqdn(json.nafFqdn),
};

export const octets = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?$/);

/** Names of up to `maxOctets`, some of them in the home network. */
export const fqdns = (maxOctets = 60): fc.Arbitrary<Fqdn> =>
  fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([labels, atHome]) => labels.join('.') + (atHome ? home : ''))
    .filter((name) => name.length <= maxOctets)
    .map(parseFqdn);

const uaIds = fc.constantFrom(
  uaIdOf({ version: '1.3' }),
  uaIdOf({ version: '1.2', suite: 'PSK-AES128-GCM-SHA256' }),
  parseUaSecurityProtocolId('ff00000002'),
  parseUaSecurityProtocolId('ff00000003'),
);

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

export const pushInfos: fc.Arbitrary<GbaPushInfo> = fc.record({
  gbaU: fc.boolean(),
  rand: octets(16),
  autn: octets(16),
  lifetimeSeconds: uint32,
  expiresAt: uint32.map((seconds) => seconds * 1_000),
  uaId: uaIds,
  pTid: octets(12).map(pTidOf),
  bsfFqdn: fc.oneof(fc.constant(parseFqdn(json.bsfFqdn)), fqdns()),
  nafFqdn: fqdns(),
});

export const connectAddresses: fc.Arbitrary<Endpoint | undefined> = fc.option(
  fc.record({
    host: fc.oneof(
      octets(4).map(ipText),
      octets(16).map(ipText),
      fqdns().filter((name) => !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
  }),
  { nil: undefined },
);

/** Every copy of `octets` with one bit changed, with the bit's number. */
export function* flippedBits(octets: Uint8Array): Generator<readonly [number, Uint8Array]> {
  for (let bit = 0; bit < octets.length * 8; bit += 1) {
    yield [bit, octets.map((octet, i) => (i === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet))];
  }
}
