import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { Command } from 'commander';
import { addInspectCommand } from '../../src/cli/inspect.ts';
import { bindOutput, run } from '../../src/cli/run.ts';
import { encodePushSms } from '../../src/codec/sms-push.ts';
import { encodeMessage } from '../../src/codec/coap-tcp.ts';
import { CODE } from '../../src/codec/coap.ts';
import { OPTION, uintOption } from '../../src/codec/coap-option.ts';
import { parseMsisdn } from '../../src/ids.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { jsonLines, temporaryFolder, writeKeyFile } from '../support/command.ts';
import { octetsOf } from '../support/gpi.ts';
import vectors from '../vectors/wake.json' with { type: 'json' };

const envelope = toHex(octetsOf('envelope'));
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';
const usim = { imsi: '001010123456789', k: K, opc: OPC };

async function inspect(argv: readonly string[], input?: string) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  if (input !== undefined) stdin.end(input);
  const io = { stdin, stdout, stderr, env: {} };
  const program = bindOutput(new Command('naf-push'), io);
  addInspectCommand(program, io);
  const code = await run(program, ['inspect', ...argv], io);
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

function usimFile(t: ExecutionContext, more: object = {}, mode?: number): string {
  return writeKeyFile(join(temporaryFolder(t), 'usim.json'), { ...usim, ...more }, mode);
}

test('an envelope is shown with the offsets of docs/wire.md, the GPI in it included', async (t) => {
  const { code, out, err } = await inspect(['envelope', envelope]);
  t.is(code, 0);
  t.is(err, '');
  const rows = Array.from(
    out.matchAll(/^ +(\d+) +(\d+) {2}([0-9a-f]+)/gm),
    ([, at, length, hex]) => [Number(at), Number(length), hex],
  );
  const page = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8');
  const [from, to] = [page.indexOf('envelope, 99 octets'), page.lastIndexOf('MAC of the envelope')];
  const example = page.slice(from, to);
  const documented = Array.from(example.matchAll(/^ *(\d+) {2}[0-9a-f]/gm), ([, at]) => Number(at));
  t.true(documented.length > 10);
  for (const at of documented)
    t.true(
      rows.some(([offset]) => offset === at),
      `octet ${at}`,
    );
  t.deepEqual(rows[0], [0, 1, '11']);
  t.regex(out, /^input 1: 99 octets\nUpa\n/);
  t.regex(
    out,
    /\n {4}13 {3}16 {2}23553cbe9637a89d218ae64dae47bf35 {2}RAND +the challenge {2}\(TS 33\.102 6\.3\)\n/,
  );
});

test('long octets go on in rows of 16', async (t) => {
  const { out } = await inspect(['gpi', toHex(octetsOf('gpi'))]);
  t.regex(
    out,
    /33 {3}30 {2}6fdf8fe1ad6304708279797c8cf0bfe2 {2}encrypted .*\n {13}ac30a5cbd5c92093807abd1406a0\n/,
  );
});

test('with the USIM file the seal is opened and all checks are told; no key is', async (t) => {
  const { code, out, err } = await inspect(['envelope', envelope, '--usim', usimFile(t)]);
  t.is(code, 0, err);
  t.regex(out, /MAC-A +holds/);
  t.is(out.match(/ MAC +holds/g)?.length, 2);
  t.regex(out, /NAF name +naf\.mnc001\.mcc001\.pub\.3gppnetwork\.org/);
  for (const secret of [
    K,
    OPC,
    ...(['ck', 'ik', 'ksNaf', 'gpiKey'] as const).map((s) => toHex(octetsOf(s))),
  ]) {
    t.false((out + err).includes(secret));
  }
});

test('a MAC that does not hold is exit code 4, a fault 1, a fault beside it too', async (t) => {
  const file = usimFile(t, { opc: '00'.repeat(16) });
  const forged = await inspect(['envelope', envelope, '--usim', file]);
  t.is(forged.code, 4);
  t.regex(forged.out, /MAC-A +DOES NOT HOLD/);
  const both = await inspect(['envelope', envelope, envelope.slice(0, 60), '--usim', file]);
  t.is(both.code, 1);
});

test('a cut GPI is shown up to the cut, which is named', async (t) => {
  const { code, out } = await inspect(['envelope', envelope.slice(0, 90)]);
  t.is(code, 1);
  t.regex(out, / MAC-A .*\n!! octet 45 \(0x2d\): the GPI ends 30 octets early, in encrypted\n/);
});

test('--json gives one object per field, and one for the fault', async (t) => {
  const { code, out } = await inspect(['envelope', envelope.slice(0, 90), '--json']);
  t.is(code, 1);
  const objects = jsonLines(out);
  t.deepEqual(objects[1], {
    input: 1,
    layer: 'Upa',
    offset: 1,
    octets: 2,
    hex: '0001',
    name: 'session id',
    value: '1',
    clause: 'docs/wire.md',
  });
  t.deepEqual(objects.at(-1), {
    input: 1,
    offset: 45,
    fault: 'the GPI ends 30 octets early, in encrypted',
  });
  const hex = objects.flatMap(({ hex }) => (typeof hex === 'string' ? hex : [])).join('');
  t.is(hex, envelope.slice(0, 90));
});

test('several arguments and several lines are several inputs; blanks in hex do not matter', async (t) => {
  const spaced = (envelope.match(/../g) ?? []).join(' ').toUpperCase();
  const { code, out } = await inspect(
    ['envelope', envelope, '-', '--json'],
    `${spaced}\n\n  \r\n${envelope}`,
  );
  t.is(code, 0);
  const inputs = [1, 2, 3].map((input) =>
    jsonLines(out)
      .filter((object) => object['input'] === input)
      .map((object) => object['hex'])
      .join(''),
  );
  t.deepEqual(inputs, [envelope, envelope, envelope]);
});

test('inspect wake explains every field of the example in docs/wire.md', async (t) => {
  const [, wake] = vectors.wakes.map(({ wake }) => wake);
  if (wake === undefined) return t.fail();
  const { code, out } = await inspect(['wake', wake]);
  t.is(code, 0);
  const text = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split('\n## Wake\n');
  const [, example = ''] = section.split('```');
  const documented = Array.from(example.matchAll(/^ *(\d+) {2}([0-9a-f ]+?) {2,}/gm), (row) => row);
  t.is(documented.length, 5);
  t.is(documented.map(([, , hex = '']) => hex.replaceAll(' ', '')).join(''), wake);
  for (const [, at] of documented) {
    t.regex(out, new RegExp(`^ +${at} +\\d+ {2}[0-9a-f]`, 'm'), `octet ${at}`);
  }
  t.regex(out, /hint +names key and counter to the two ends alone {2}\(docs\/wire\.md\)/);
  t.regex(out, /IPv4 address +192\.0\.2\.1/);
  t.regex(out, /MAC +not checked: that takes K_wake/);
  const cut = await inspect(['wake', wake.slice(0, -4)]);
  t.is(cut.code, 1);
  t.regex(cut.out, /!! octet 23 \(0x17\): the wake ends 2 octets early, in MAC\n/);
});

test('a wake that is taken for an envelope is told by name', async (t) => {
  const { code, out } = await inspect(['envelope', vectors.wakes[0]?.wake ?? '']);
  t.is(code, 1);
  t.regex(out, /!! octet 0 \(0x00\): .* not 0x12: this is a wake, see inspect wake\n/);
  const other = await inspect(['wake', envelope]);
  t.regex(other.out, /octet 0 is 0x12 for a wake, not 0x11/);
});

test('hex that is none is a usage error that says where', async (t) => {
  for (const [argv, input, message] of [
    [['gpi', '1g'], undefined, /input 1: expected an even number of hex digits/],
    [['gpi', '-'], '11\n123\n', /line 2 of stdin: expected an even number/],
    [['gps', '11'], undefined, /Allowed choices are gpi, envelope, wake, sms, coap/],
    [['gpi'], undefined, /missing required argument 'hex'/],
  ] as const) {
    const { code, err } = await inspect(argv, input);
    t.is(code, 2, err);
    t.regex(err, message);
  }
});

test('no octets at all are a fault for everything but a CoAP stream', async (t) => {
  for (const what of ['gpi', 'envelope', 'wake', 'sms']) {
    const { code, out } = await inspect([what, '']);
    t.is(code, 1);
    t.regex(out, /^input 1: 0 octets\n!! octet 0 \(0x00\): .* ends \d+ octets? early/);
  }
  t.is((await inspect(['coap', ''])).code, 0);
});

test('a USIM file that others can read is refused before anything is shown', async (t) => {
  const { code, out, err } = await inspect(['gpi', '11', '--usim', usimFile(t, {}, 0o644)]);
  t.is(code, 1);
  t.is(out, '');
  t.regex(err, /chmod 600/);
});

test('an SMS is shown down to the GPI; one in parts after its last part', async (t) => {
  const to = parseMsisdn('+491701234567');
  for (const { wake } of vectors.wakes) {
    const [calling] = encodePushSms(fromHex(wake), { to, reference: 1 });
    const { code, out } = await inspect(['sms', calling?.pdu ?? '']);
    t.is(code, 0);
    t.deepEqual(out.match(/^[A-Z].*$/gm), ['SMS', 'WSP', 'Upa']);
  }
  const [single] = encodePushSms(octetsOf('envelope'), { to, reference: 1 });
  const one = await inspect(['sms', single?.pdu ?? '']);
  t.is(one.code, 0);
  t.deepEqual(one.out.match(/^[A-Z].*$/gm), ['SMS', 'WSP', 'Upa', 'GPI', 'Upa']);
  const parts = encodePushSms(octetsOf('envelope'), {
    to,
    reference: 1,
    applicationId: 'x-lab:gba',
  });
  const lines = parts
    .map(({ pdu }) => pdu)
    .reverse()
    .join('\n');
  const two = await inspect(['sms', '-', '--usim', usimFile(t)], lines);
  t.is(two.code, 0);
  t.regex(two.out, /\nits parts joined: 142 octets\nWSP\n/);
  t.regex(two.out, /NAF name +naf\.mnc001/);
  const json = await inspect(['sms', '-', '--json'], lines);
  const joined = jsonLines(json.out).filter((object) => object['joined'] === true);
  t.true(joined.length > 0);
  t.true(joined.every(({ input }) => input === 2));
});

test('signals, Observe and Block options of CoAP have their names and clauses', async (t) => {
  const observed = encodeMessage({
    code: CODE.CONTENT,
    token: Uint8Array.of(1),
    options: [
      uintOption(OPTION.OBSERVE, 5),
      uintOption(OPTION.CONTENT_FORMAT, 42),
      uintOption(OPTION.BLOCK1, 0x1e),
      { number: 65_001, value: Uint8Array.of(1, 2) },
    ],
    payload: Uint8Array.of(0xff),
  });
  const { code, out } = await inspect(['coap', '30e1220480', '00e2', toHex(observed)]);
  t.is(code, 0, out);
  t.regex(out, /Max-Message-Size \(2\) +1152 {2}\(RFC 8323 5\.3\.1\)/);
  t.regex(out, /7\.02 Ping/);
  t.regex(out, /Observe \(6\) +5 {2}\(RFC 7641 2\)/);
  t.regex(out, /Block1 \(27\) +block 1 of 1024 octets, more follow {2}\(RFC 7959 2\.1\)/);
  t.regex(out, /Content-Format \(12\) +42, application\/octet-stream/);
  t.regex(out, /critical option \(65001\) +2 octets/);
  t.regex(out, /payload +1 octet/);
});

test('what a capture says cannot move the cursor or forge a row', async (t) => {
  const path = Buffer.from('\u001b[2J\u009b\u202e\nfake').toString('hex');
  const length = (path.length / 2 - 13).toString(16).padStart(2, '0');
  const message = `bd${length}${path}`;
  const frame = `d0${(message.length / 2 - 13).toString(16).padStart(2, '0')}01${message}`;
  for (const more of [[], ['--json']]) {
    const { code, out } = await inspect(['coap', frame, ...more]);
    t.is(code, 0, out);
    t.notRegex(out.replaceAll('\n', ''), /\p{Cc}/u);
    t.notRegex(out, /^fake/m);
    t.true(out.includes('fake'));
  }
  t.notRegex((await inspect(['coap', frame])).out, /\u202e/);
});
