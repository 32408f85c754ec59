/** How `ue-listen` shows a push: a format with `%` letters, or JSON. */
import { URGENCIES } from '../codec/push.ts';
import { toHex, utf8Bytes, utf8Text, view } from '../lib/bytes.ts';
import type { Push } from '../ue/push-handler.ts';
import { printable } from './io.ts';

export const FORMAT_HELP =
  '%p payload, %x payload in hex, %l its length, %i id, %b B-TID, %n NAF, %v via, %u urgency, ' +
  '%c Content-Format, %% a percent sign, \\n \\t \\\\ as usual; a newline follows';

const LETTERS: Record<string, (push: Push) => string | Uint8Array> = {
  p: (push) => push.payload,
  x: (push) => toHex(push.payload),
  l: (push) => String(push.payload.length),
  i: (push) => push.id,
  b: (push) => push.bTid,
  n: (push) => push.nafFqdn,
  v: (push) => push.via,
  u: (push) => String(URGENCIES.indexOf(push.urgency)),
  c: (push) => String(push.contentFormat),
  '%': () => '%',
};
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', '\\': '\\' };

/**
 * Compiles a format. On a terminal the payload's control characters are shown, not obeyed.
 * @throws RangeError for a letter that has no meaning.
 */
export function pushFormat(format: string, toTerminal: boolean): (push: Push) => Uint8Array {
  const parts = (format.match(/%[^]|\\[^]|[^%\\]+|[^]/g) ?? []).map((token) => {
    const letter = token[1];
    if (token[0] === '\\' && letter !== undefined)
      return utf8Bytes(ESCAPES[letter] ?? unknown(token));
    if (token[0] === '%') return LETTERS[letter ?? ''] ?? unknown(token);
    return utf8Bytes(token);
  });
  return (push) => {
    const shown = parts.map((part) => {
      const value = typeof part === 'function' ? part(push) : part;
      if (typeof value === 'string') return utf8Bytes(value);
      if (!toTerminal || typeof part !== 'function') return value;
      return utf8Bytes(printable(view(value).toString('utf8')));
    });
    return Buffer.concat([...shown, NEWLINE]);
  };
}

/** The JSON form; the payload as text when it is UTF-8. */
export function pushJson(push: Push): object {
  const text = utf8Text(push.payload);
  return {
    event: 'push',
    id: push.id,
    btid: push.bTid,
    via: push.via,
    contentFormat: push.contentFormat,
    bytes: push.payload.length,
    ...(text === undefined
      ? { payloadBase64: view(push.payload).toString('base64') }
      : { payload: text }),
    urgency: push.urgency,
    nafFqdn: push.nafFqdn,
  };
}

function unknown(token: string): never {
  throw new RangeError(`${JSON.stringify(token)} has no meaning in a format: ${FORMAT_HELP}`);
}

const NEWLINE = utf8Bytes('\n');
