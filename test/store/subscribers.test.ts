import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { ConfigError } from '../../src/errors.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { packageFile } from '../../src/store/policy.ts';
import { readSubscribers, readUsim, type UsimCredentials } from '../../src/store/subscribers.ts';
import tuakVectors from '../vectors/tuak.json' with { type: 'json' };

const root = mkdtempSync(join(tmpdir(), 'gba-push-subscribers-'));
test.after.always(() => {
  rmSync(root, { recursive: true, force: true });
});

let files = 0;
function write(content: unknown, mode = 0o600): string {
  const file = join(root, `${(files += 1)}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(file, mode);
  return file;
}

const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OP = 'cdc202d5123e20f62b6d676ac72cb318';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';
const sim = { imsi: '001010000000001', k: K, opc: OPC };

/** OPc of a record that is Milenage. */
function opcOf(credentials: UsimCredentials | undefined): Uint8Array {
  if (credentials?.algorithm !== 'milenage') throw new Error('it is not Milenage');
  return credentials.opc;
}

test('a record with the least members gets the defaults', (t) => {
  const { demo, subscribers } = readSubscribers(write({ subscribers: [sim] }));
  t.false(demo);
  t.is(subscribers.length, 1);
  const [record] = subscribers;
  t.is<string | undefined, string>(record?.imsi, '001010000000001');
  t.is<string | undefined, string>(
    record?.impi,
    '001010000000001@ims.mnc001.mcc001.3gppnetwork.org',
  );
  t.is(record?.algorithm, 'milenage');
  t.is(record && toHex(record.k), K);
  t.is(toHex(opcOf(record)), OPC);
  t.is(record && toHex(record.amf), '8000');
  t.false(record !== undefined && 'trigger' in record);
});

test('every member is read', (t) => {
  const { subscribers } = readSubscribers(
    write({
      subscribers: [
        {
          imsi: '310410123456789',
          mncDigits: 3,
          k: K.toUpperCase(),
          op: OP,
          amf: 'b9b9',
          algorithm: 'milenage',
          trigger: 'udp://[2001:DB8::1]:2948',
        },
      ],
    }),
  );
  const [record] = subscribers;
  t.is<string | undefined, string>(
    record?.impi,
    '310410123456789@ims.mnc410.mcc310.3gppnetwork.org',
  );
  t.is(record && toHex(record.k), K);
  t.is(toHex(opcOf(record)), OPC);
  t.is(record && toHex(record.amf), 'b9b9');
  t.deepEqual(record?.trigger, { transport: 'udp', host: '2001:db8::1', port: 2948 });
});

test('the demo files of the package are readable by all and say so', (t) => {
  const { demo, subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
  t.true(demo);
  t.deepEqual(subscribers[0]?.trigger, { transport: 'udp', host: '127.0.0.1', port: 2948 });
  const usim = readUsim(packageFile('certs-none/demo-usim.json'));
  t.true(usim.demo);
  t.deepEqual(Object.keys(usim.credentials).sort(), [
    'algorithm',
    'impi',
    'imsi',
    'k',
    'opc',
    'uiccType',
  ]);
  t.is<string | undefined, string | undefined>(usim.credentials.impi, subscribers[0]?.impi);
});

test('a USIM file is one record', (t) => {
  const { demo, credentials } = readUsim(write({ ...sim, trigger: 'udp://127.0.0.1:1' }));
  t.false(demo);
  t.is(toHex(opcOf(credentials)), OPC);
});

test('a TUAK SIM has TOPc, or TOP of which it is made, and its own sizes', (t) => {
  for (const { k, top, topc, iterations } of tuakVectors.sets) {
    for (const constant of [{ top }, { topc }]) {
      const { credentials } = readUsim(
        write({ imsi: sim.imsi, algorithm: 'tuak', k, ...constant, iterations, resBits: 32 }),
      );
      if (credentials.algorithm !== 'tuak') return t.fail('it is not TUAK');
      t.is(toHex(credentials.topc), topc);
      t.is(toHex(credentials.k), k);
      t.is(credentials.iterations, iterations);
      t.is(credentials.resBits, 32);
    }
  }
  const [{ k, topc } = { k: '', topc: '' }] = tuakVectors.sets;
  const least = readUsim(write({ imsi: sim.imsi, algorithm: 'tuak', k, topc })).credentials;
  t.like(least, { algorithm: 'tuak', iterations: 1, resBits: 64, uiccType: 'GBA_ME' });
});

test('a card says that it can GBA_U', (t) => {
  t.is(readUsim(write({ ...sim, gbaU: true })).credentials.uiccType, 'GBA_U');
  const [record] = readSubscribers(write({ subscribers: [{ ...sim, gbaU: true }] })).subscribers;
  t.is(record?.uiccType, 'GBA_U');
});

for (const mode of [0o640, 0o604, 0o620, 0o601, 0o644, 0o666]) {
  test(`keys in a file of mode ${mode.toString(8)} are refused`, (t) => {
    const file = write({ subscribers: [sim] }, mode);
    const refused = { instanceOf: ConfigError, code: 'ERR_CONFIG_MODE', message: /chmod 600/ };
    t.throws(() => readSubscribers(file), refused);
    t.throws(() => readUsim(write(sim, mode)), refused);
    t.throws(() => readUsim(write({ ...sim, demo: false }, mode)), refused);
    t.throws(() => readUsim(write({ ...sim, demo: 1 }, mode)), refused);
    t.true(readSubscribers(write({ demo: true, subscribers: [sim] }, mode)).demo);
  });
}

const wrong: [string, unknown, string][] = [
  ['no list', {}, 'subscribers: '],
  ['an array', [sim], ''],
  [
    'a wrong K',
    { subscribers: [sim, { ...sim, k: K.slice(1) }] },
    'subscribers[1].k: expected 32 or 64 hex',
  ],
  [
    'a K that is no hex',
    { subscribers: [{ ...sim, k: `${K.slice(2)}zz` }] },
    'subscribers[0].k: expected 32 or 64 hex',
  ],
  [
    'a K that is a number',
    { subscribers: [{ ...sim, k: 4656 }] },
    'subscribers[0].k: expected 32 or 64 hex',
  ],
  [
    'no OPc',
    { subscribers: [{ imsi: sim.imsi, k: K }] },
    'subscribers[0].opc: give either "opc" or "op"',
  ],
  [
    'a K of 32 octets',
    { subscribers: [{ ...sim, k: K + K }] },
    'subscribers[0].k: "k" of Milenage: expected 32 hex digits',
  ],
  [
    'a member of TUAK',
    { subscribers: [{ ...sim, top: 'aa'.repeat(32) }] },
    'subscribers[0].top: "top" is for "algorithm": "tuak"',
  ],
  [
    'a member of Milenage in TUAK',
    { subscribers: [{ ...sim, algorithm: 'tuak' }] },
    'subscribers[0].opc: "opc" is for Milenage',
  ],
  [
    'no TOPc',
    { subscribers: [{ imsi: sim.imsi, k: K, algorithm: 'tuak' }] },
    'subscribers[0].topc: give either "topc" or "top"',
  ],
  [
    'iterations that are none',
    { subscribers: [{ imsi: sim.imsi, k: K, algorithm: 'tuak', iterations: 0 }] },
    'subscribers[0].iterations: expected 1 to 255',
  ],
  [
    'OP and OPc',
    { subscribers: [{ ...sim, op: OP }] },
    'subscribers[0].opc: give either "opc" or "op"',
  ],
  [
    'an IMSI as a number',
    { subscribers: [{ ...sim, imsi: 1010000000001 }] },
    'subscribers[0].imsi: expected 6 to 15 digits',
  ],
  [
    'a long IMSI',
    { subscribers: [{ ...sim, imsi: '0010100000000011' }] },
    'subscribers[0].imsi: expected 6 to 15 digits',
  ],
  [
    'a wrong MNC length',
    { subscribers: [{ ...sim, mncDigits: 4 }] },
    'subscribers[0].mncDigits: expected 2 or 3',
  ],
  [
    'a wrong AMF',
    { subscribers: [{ ...sim, amf: '80' }] },
    'subscribers[0].amf: expected 4 hex digits',
  ],
  [
    'another algorithm',
    { subscribers: [{ ...sim, algorithm: 'comp128' }] },
    'subscribers[0].algorithm: expected "milenage"',
  ],
  [
    'a misspelt member',
    { subscribers: [{ ...sim, opC: OPC }] },
    'subscribers[0]: Unrecognized key: "opC"',
  ],
  [
    'twins',
    { subscribers: [sim, sim] },
    'subscribers[1].imsi: an earlier subscriber has this IMSI',
  ],
  ...[
    'http://127.0.0.1:2948',
    'udp://127.0.0.1',
    'udp://127.0.0.1:0',
    'udp://h:65536',
    'udp://::1:5',
    'udp://[127.0.0.1]:5',
    'udp://a b:5',
    'udp://u@h:5',
    7,
  ].map((trigger): [string, unknown, string] => [
    `the trigger ${trigger}`,
    { subscribers: [{ ...sim, trigger }] },
    'subscribers[0].trigger: expected udp://host:port or tcp://host:port',
  ]),
];
for (const [what, content, reason] of wrong) {
  test(`${what} is refused, with file and member and without a value`, (t) => {
    const file = write(content);
    const error = t.throws(() => readSubscribers(file), {
      instanceOf: ConfigError,
      code: 'ERR_CONFIG_FILE',
    });
    t.true(error.message.startsWith(`${file}: ${reason}`), error.message);
    t.false(error.message.includes(K.slice(2, 10)));
  });
}

test('a file that is not there or not JSON is named', (t) => {
  const missing = join(root, 'missing.json');
  t.throws(() => readUsim(missing), { code: 'ERR_CONFIG_FILE', message: /missing\.json: ENOENT/ });
  t.throws(() => readUsim(root), { code: 'ERR_CONFIG_FILE', message: /EISDIR/ });
  for (const [text, message] of [
    ['{]', /is not JSON: run jq empty \S+\.json to see where$/],
    ['', /\.json is empty$/],
    ['\ufeff{}', /\.json starts with a byte order mark: save it as UTF-8 without one$/],
  ] as const) {
    t.throws(() => readUsim(write(text)), { code: 'ERR_CONFIG_FILE', message });
  }
});

/** What refuses the file, or undefined where the damage left a file that is still good. */
function faultOf(file: string): ConfigError | undefined {
  try {
    readSubscribers(file);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

test('a file that is damaged anywhere never shows a key', (t) => {
  const whole = JSON.stringify({ subscribers: [{ ...sim, op: OP }] });
  let refused = 0;
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.string({ maxLength: 3 }), (at, inserted) => {
      const error = faultOf(write(whole.slice(0, at) + inserted + whole.slice(at + 1)));
      if (error === undefined) return;
      refused += 1;
      const shown = `${error.message} ${String(error.cause)}`;
      for (const secret of [K, OP, OPC]) {
        for (let i = 0; i + 6 <= secret.length; i += 1) {
          t.false(shown.includes(secret.slice(i, i + 6)));
        }
      }
    }),
  );
  t.true(refused > 0);
  t.true(readFileSync(write(whole), 'utf8').includes(K));
});
