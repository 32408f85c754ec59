import { PassThrough, Writable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { printable, writeJson, writeThrough } from '../../src/cli/io.ts';
import { pushFormat, pushJson } from '../../src/cli/push-format.ts';
import { bTidOf, parseFqdn, parsePushId } from '../../src/ids.ts';
import type { Push } from '../../src/ue/push-handler.ts';

const push: Push = {
  id: parsePushId('id-1'),
  urgency: 'high',
  ttlSeconds: 60,
  seq: 1,
  contentFormat: 0,
  payload: Buffer.from('h\u00e9llo'),
  nafFqdn: parseFqdn('naf.example.org'),
  bTid: bTidOf(new Uint8Array(16), parseFqdn('bsf.example.org')),
  via: 'reuse',
};

const shown = (format: string, payload: Uint8Array | string, toTerminal = false): string =>
  Buffer.from(
    pushFormat(format, toTerminal)({ ...push, payload: Buffer.from(payload) }),
  ).toString();

test('every letter of a format has its meaning', (t) => {
  t.is(
    shown('%i %b %n %v %u %c %l %x %p%%', 'h\u00e9'),
    'id-1 AAAAAAAAAAAAAAAAAAAAAA==@bsf.example.org naf.example.org reuse 3 0 3 68c3a9 h\u00e9%\n',
  );
  t.is(shown('a\\tb\\nc\\\\d', ''), 'a\tb\nc\\d\n');
  t.is(shown('', 'unseen'), '\n');
});

test('a letter without a meaning is an error that lists the others', (t) => {
  for (const format of ['%z', '\\q', '%', '100%', '%_']) {
    t.throws(() => pushFormat(format, false), { instanceOf: RangeError, message: /%p payload/ });
  }
});

test('octets that are no text come out as they are', (t) => {
  const octets = Uint8Array.of(0, 0xff, 0x1b, 0x80);
  const out = pushFormat('%p', false)({ ...push, payload: octets });
  t.deepEqual([...out], [...octets, 0x0a]);
});

test('a terminal shows control characters and does not obey them', (t) => {
  const hostile = '\u001b[2J\u009b31m\u0007\r\u007f\u202e\u2066ok\tfine\nnext';
  const out = shown('%p', hostile, true);
  t.is(out, '\\u{1b}[2J\\u{9b}31m\\u{7}\\u{d}\\u{7f}\\u{202e}\\u{2066}ok\tfine\nnext\n');
  t.is(shown('%p', hostile, false), `${hostile}\n`, 'a pipe gets what was pushed');
});

test('whatever is pushed, a terminal gets no control character but newline and tab', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
        fc.uint8Array(),
      ),
      (payload) => {
        t.notRegex(shown('%p', payload, true), /[^\P{Cc}\n\t]/u);
        t.notRegex(printable(Buffer.from(payload).toString('latin1')), /[^\P{Cc}\n\t]/u);
      },
    ),
  );
});

test('JSON has the payload as text when it is text, else in base64', (t) => {
  t.deepEqual(pushJson(push), {
    event: 'push',
    id: 'id-1',
    btid: 'AAAAAAAAAAAAAAAAAAAAAA==@bsf.example.org',
    via: 'reuse',
    contentFormat: 0,
    bytes: 6,
    payload: 'h\u00e9llo',
    urgency: 'high',
    nafFqdn: 'naf.example.org',
  });
  const binary = pushJson({ ...push, payload: Uint8Array.of(0xc3, 0x28) });
  t.like(binary, { bytes: 2, payloadBase64: 'wyg=' });
  t.false('payload' in binary);
});

test('a JSON line is one line without control characters, and says what was meant', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (payload) => {
      const stream = new PassThrough();
      writeJson(stream, { payload });
      const line = String(stream.read());
      t.notRegex(line.slice(0, -1), /\p{Cc}/u);
      t.deepEqual(JSON.parse(line), { payload });
    }),
  );
});

test('a line counts as written when the system has it, not when it waits in this process', async (t) => {
  const taken: ((error?: Error) => void)[] = [];
  const slow = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
  slow.on('error', () => undefined);
  let written = false;
  const first = writeThrough(slow, 'line\n').then(() => (written = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.false(written);
  taken[0]?.();
  await first;
  const second = writeThrough(slow, 'line\n');
  taken[1]?.(new Error('EPIPE'));
  await t.throwsAsync(second, { message: 'EPIPE' });
});
