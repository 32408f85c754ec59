/** The options of CoAP: their names, and what their values say (RFC 7252 5.10, 7641, 7959, 8323 5, 9175). */
import { CODE } from '../codec/coap.ts';
import { OPTION, SIGNAL_OPTION } from '../codec/coap-option.ts';
import { octetCount, utf8Text } from '../lib/bytes.ts';
import { decimal, quoted } from './sheet.ts';

export interface OptionMeaning {
  readonly name: string;
  readonly clause: string;
  readonly words: (value: Uint8Array) => string;
}

type Row = readonly [number: number, ...Parameters<typeof meaning>];

function meaning(name: string, words: OptionMeaning['words'], clause: string): OptionMeaning {
  return { name, words, clause };
}

function table(rows: readonly Row[]): ReadonlyMap<number, OptionMeaning> {
  return new Map(rows.map(([number, ...rest]) => [number, meaning(...rest)]));
}

function text(value: Uint8Array): string {
  const read = utf8Text(value);
  return read === undefined ? `${octetCount(value.length)}, not UTF-8` : quoted(read);
}

function uint(value: Uint8Array): string {
  return value.length > 4 ? `${octetCount(value.length)}, too long for an integer` : decimal(value);
}

function opaque(value: Uint8Array): string {
  return octetCount(value.length);
}

function present(value: Uint8Array): string {
  return value.length === 0 ? 'present' : `present, with ${octetCount(value.length)}`;
}

function contentFormat(value: Uint8Array): string {
  const name = CONTENT_FORMATS.get(uint(value));
  return name === undefined ? uint(value) : `${uint(value)}, ${name}`;
}

/** NUM, M and SZX; SZX 7 is BERT, blocks of 1,024 by the bundle (RFC 7959 2.2, RFC 8323 6). */
function block(value: Uint8Array): string {
  if (value.length > 3) return `${octetCount(value.length)}, too long for a block`;
  const number = Number(decimal(value));
  const more = (number & 8) === 0 ? 'the last' : 'more follow';
  const size = (number & 7) === 7 ? 'BERT' : octetCount(16 << (number & 7));
  return `block ${number >>> 4} of ${size}, ${more}`;
}

const CONTENT_FORMATS: ReadonlyMap<string, string> = new Map([
  ['0', 'text/plain; charset=utf-8'],
  ['40', 'application/link-format'],
  ['42', 'application/octet-stream'],
  ['50', 'application/json'],
  ['60', 'application/cbor'],
  ['65223', 'application/vnd.3gpp.gba.gpi (of this project)'],
]);

/** Of requests and responses. */
export const OPTIONS = table([
  [OPTION.IF_MATCH, 'If-Match', opaque, 'RFC 7252 5.10.8'],
  [OPTION.URI_HOST, 'Uri-Host', text, 'RFC 7252 5.10.1'],
  [OPTION.ETAG, 'ETag', opaque, 'RFC 7252 5.10.6'],
  [OPTION.IF_NONE_MATCH, 'If-None-Match', present, 'RFC 7252 5.10.8'],
  [OPTION.OBSERVE, 'Observe', uint, 'RFC 7641 2'],
  [OPTION.URI_PORT, 'Uri-Port', uint, 'RFC 7252 5.10.1'],
  [OPTION.LOCATION_PATH, 'Location-Path', text, 'RFC 7252 5.10.7'],
  [OPTION.URI_PATH, 'Uri-Path', text, 'RFC 7252 5.10.1'],
  [OPTION.CONTENT_FORMAT, 'Content-Format', contentFormat, 'RFC 7252 5.10.3'],
  [OPTION.MAX_AGE, 'Max-Age', (value) => `${uint(value)} s`, 'RFC 7252 5.10.5'],
  [OPTION.URI_QUERY, 'Uri-Query', text, 'RFC 7252 5.10.1'],
  [OPTION.ACCEPT, 'Accept', contentFormat, 'RFC 7252 5.10.4'],
  [OPTION.LOCATION_QUERY, 'Location-Query', text, 'RFC 7252 5.10.7'],
  [OPTION.BLOCK2, 'Block2', block, 'RFC 7959 2.1'],
  [OPTION.BLOCK1, 'Block1', block, 'RFC 7959 2.1'],
  [OPTION.SIZE2, 'Size2', uint, 'RFC 7959 4'],
  [OPTION.PROXY_URI, 'Proxy-Uri', text, 'RFC 7252 5.10.2'],
  [OPTION.PROXY_SCHEME, 'Proxy-Scheme', text, 'RFC 7252 5.10.2'],
  [OPTION.SIZE1, 'Size1', uint, 'RFC 7252 5.10.9'],
  [OPTION.ECHO, 'Echo', opaque, 'RFC 9175 2.2'],
  [OPTION.REQUEST_TAG, 'Request-Tag', opaque, 'RFC 9175 3.2'],
]);

const CUSTODY = table([[SIGNAL_OPTION.PING_CUSTODY, 'Custody', present, 'RFC 8323 5.4.1']]);

/** Of signals, by code. */
export const SIGNAL_OPTIONS: ReadonlyMap<number, ReadonlyMap<number, OptionMeaning>> = new Map([
  [
    CODE.CSM,
    table([
      [SIGNAL_OPTION.CSM_MAX_MESSAGE_SIZE, 'Max-Message-Size', uint, 'RFC 8323 5.3.1'],
      [SIGNAL_OPTION.CSM_BLOCK_WISE_TRANSFER, 'Block-Wise-Transfer', present, 'RFC 8323 5.3.2'],
    ]),
  ],
  [CODE.PING, CUSTODY],
  [CODE.PONG, CUSTODY],
  [
    CODE.RELEASE,
    table([
      [SIGNAL_OPTION.RELEASE_ALTERNATIVE_ADDRESS, 'Alternative-Address', text, 'RFC 8323 5.5'],
      [SIGNAL_OPTION.RELEASE_HOLD_OFF, 'Hold-Off', (value) => `${uint(value)} s`, 'RFC 8323 5.5'],
    ]),
  ],
  [
    CODE.ABORT,
    table([[SIGNAL_OPTION.ABORT_BAD_CSM_OPTION, 'Bad-CSM-Option', uint, 'RFC 8323 5.6']]),
  ],
]);
