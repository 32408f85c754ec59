/** The body that ends a run over Ub: B-TID and the end of the key's life (TS 24.109 clause 4). */
import { CodecError } from '../errors.ts';
import { parseBTid, type BTid } from '../ids.ts';
import { utf8Bytes, utf8Text } from '../lib/bytes.ts';
import { formatInstant, parseInstant } from './instant.ts';

/** Its media type (TS 24.109 clause 4). */
export const BOOTSTRAPPING_INFO_TYPE = 'application/vnd.3gpp.bsf+xml';

export interface BootstrappingInfo {
  readonly bTid: BTid;
  /** Epoch ms by the BSF's clock. */
  readonly expiresAt: number;
}

/** The XML. Root and namespace are recalled; the elements in it are those that devices read. */
export function encodeBootstrappingInfo({ bTid, expiresAt }: BootstrappingInfo): Uint8Array {
  return utf8Bytes(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<BootstrappingInfo xmlns="uri:3gpp-gba">\n' +
      `  <btid>${bTid}</btid>\n` +
      `  <lifetime>${formatInstant(expiresAt)}</lifetime>\n` +
      '</BootstrappingInfo>\n',
  );
}

/** Reads the two elements, whatever namespace prefix they have. @throws CodecError ERR_UB_MALFORMED. */
export function decodeBootstrappingInfo(octets: Uint8Array): BootstrappingInfo {
  const text = octets.length <= MAX_OCTETS ? utf8Text(octets) : undefined;
  const bTid = text && elementIn(text, 'btid');
  const expiresAt = parseInstant((text && elementIn(text, 'lifetime')) ?? '');
  if (!bTid || expiresAt === undefined) {
    throw new CodecError('ERR_UB_MALFORMED', 'the body has no btid and lifetime with a time zone');
  }
  return { bTid: parseBTid(bTid).bTid, expiresAt };
}

function elementIn(xml: string, name: string): string | undefined {
  return new RegExp(`<(?:\\w{1,32}:)?${name}>\\s{0,64}([^<\\s]{1,255})\\s{0,64}<`).exec(xml)?.[1];
}

const MAX_OCTETS = 4_096;
