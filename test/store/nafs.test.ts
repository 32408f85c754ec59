import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { mayServe, readNafs } from '../../src/store/nafs.ts';
import { temporaryFolder, writeKeyFile } from '../support/command.ts';

const token = 'c2VjcmV0LXRva2VuLW9mLWEtTkFG';
const key = 'ab'.repeat(32);
const alerts = { name: 'alerts', token, fqdns: ['NAF.example.org'] };

function write(t: ExecutionContext, nafs: unknown, mode = 0o600): string {
  return writeKeyFile(join(temporaryFolder(t), 'nafs.json'), { nafs }, mode);
}

test('a NAF needs a name, a proof and its FQDNs; the rest has defaults that give away nothing', (t) => {
  t.deepEqual(readNafs(write(t, [alerts])), [
    {
      name: 'alerts',
      proof: { token },
      fqdns: ['naf.example.org'],
      operations: ['push-info', 'bootstrapping-info'],
      gba: ['GBA_ME', 'GBA_U'],
      mayLearnImpi: false,
      vectors: { burst: 16, perSecond: 1 },
    },
  ] as never);
});

test('everything that a NAF may have can be narrowed', (t) => {
  const [naf] = readNafs(
    write(t, [
      {
        name: 'meters',
        psk: { identity: 'meters.example.org', key },
        fqdns: ['naf.example.org'],
        uaIds: ['010000000A'],
        operations: ['push-info'],
        gba: ['GBA_U'],
        subscribers: ['*@IMS.example.org', 'one@example.org'],
        mayLearnImpi: true,
        vectors: { burst: 1, perSecond: 0.01 },
      },
    ]),
  );
  t.like(naf, {
    proof: { identity: 'meters.example.org', key: new Uint8Array(32).fill(0xab) },
    uaIds: ['010000000a'],
    subscribers: ['*@ims.example.org', 'one@example.org'],
  });
  if (naf === undefined) return;
  const served = ['a@ims.example.org', 'one@example.org', 'two@example.org', 'a@x.ims.example.org'];
  t.deepEqual(
    served.map((impi) => mayServe(naf, impi)),
    [true, true, false, false],
  );
});

test('a file that others can read is refused', (t) => {
  t.throws(() => readNafs(write(t, [alerts], 0o640)), { code: 'ERR_CONFIG_MODE' });
});

test('what is wrong is named, and no value is quoted', (t) => {
  const secret = 'sesame sesame sesame sesame';
  const wrong: [unknown, RegExp][] = [
    [{ ...alerts, token: undefined }, /either "token" or "psk"/],
    [{ ...alerts, psk: { identity: 'abcd', key } }, /either "token" or "psk"/],
    [{ ...alerts, token: secret }, /nafs\[0\]\.token: expected 22/],
    [{ ...alerts, token: 'sesame' }, /nafs\[0\]\.token: expected 22/],
    [{ name: 'a', psk: { identity: 'abc', key }, fqdns: ['a.b'] }, /psk\.identity/],
    [
      { name: 'a', psk: { identity: 'abcd', key: secret }, fqdns: ['a.b'] },
      /psk\.key: expected 64/,
    ],
    [{ ...alerts, fqdns: [] }, /fqdns/],
    [{ ...alerts, fqdns: ['sesame sesame'] }, /fqdns\[0\]: expected a host name/],
    [{ ...alerts, uaIds: ['sesame'] }, /uaIds\[0\]: expected 10 hex digits/],
    [{ ...alerts, subscribers: ['*'] }, /subscribers\[0\]: expected an IMPI/],
    [{ ...alerts, operations: [] }, /operations/],
    [{ ...alerts, gba: [] }, /gba/],
    [{ ...alerts, vectors: { burst: 0, perSecond: 1 } }, /burst/],
    [{ ...alerts, name: 'a b' }, /name/],
    [{ ...alerts, sesame: 1 }, /Unrecognized key/],
  ];
  for (const [naf, message] of wrong) {
    const error = t.throws(() => readNafs(write(t, [naf])), { instanceOf: ConfigError, message });
    t.is(error?.code, 'ERR_CONFIG_FILE');
    t.false(error?.message.includes(secret), error?.message);
  }
});

test('two NAFs have neither a name nor a proof in common', (t) => {
  const other = { ...alerts, name: 'other', token: `${token}x` };
  t.notThrows(() => readNafs(write(t, [alerts, other])));
  for (const twin of [
    { ...other, name: 'alerts' },
    { ...other, token },
  ]) {
    t.throws(() => readNafs(write(t, [alerts, twin])), { message: /an earlier NAF has this/ });
  }
  const psk = (name: string) => ({ name, psk: { identity: 'same', key }, fqdns: ['a.b'] });
  t.throws(() => readNafs(write(t, [psk('a'), psk('b')])), {
    message: /an earlier NAF has this psk/,
  });
});
