/** What the SIM's keys open, and what they tell of octets that somebody changed. */
import test from 'ava';
import { createAlgorithm } from '../../src/aka/credentials.ts';
import { deriveKsNaf, ksOf, swapAutnStar } from '../../src/aka/kdf.ts';
import { buildAuts } from '../../src/aka/vector.ts';
import { encodeAuts } from '../../src/codec/auts.ts';
import { sealEnvelope } from '../../src/codec/envelope.ts';
import { GPI_NAF_ID, sealGpi } from '../../src/codec/gpi.ts';
import { encodePushSms } from '../../src/codec/sms-push.ts';
import { nafIdOf, parseMsisdn } from '../../src/ids.ts';
import { inspectEnvelope } from '../../src/inspect/envelope.ts';
import { inspectGpi } from '../../src/inspect/gpi.ts';
import type { Inspection } from '../../src/inspect/sheet.ts';
import type { InspectingSim } from '../../src/inspect/sim.ts';
import { smsInspector } from '../../src/inspect/sms.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { flippedBits, impi, octetsOf, pushInfo, seal } from '../support/gpi.ts';

/** TS 35.208 test set 1. */
const algorithm = createAlgorithm({
  algorithm: 'milenage',
  k: fromHex('465b5ce8b199b49faa5f0a2ee238a6bc'),
  opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
});
const sim: InspectingSim = { impi, algorithm };
const [gpi, envelope] = [octetsOf('gpi'), octetsOf('envelope')];

const opened = ({ fields }: Inspection) => fields.filter(({ layer }) => layer === 'GPI opened');
const valueOf = ({ fields }: Inspection, layer: string, name: string): string | undefined =>
  fields.find((field) => field.layer === layer && field.name === name)?.value;

test('the keys of the SIM open the pinned GPI, field by field where its ciphertext lies', (t) => {
  const inspection = inspectGpi(gpi, sim);
  t.true(inspection.authentic);
  t.is(
    opened(inspection)
      .map(({ hex }) => hex)
      .join(''),
    toHex(octetsOf('plaintext')),
  );
  t.deepEqual(
    opened(inspection).map(({ offset, name, value }) => [offset, name, value]),
    [
      [33, 'lifetime', '3600 s from acceptance'],
      [37, 'expiry', '2026-01-01T01:00:00.000Z'],
      [41, 'Ua security protocol id', 'TLS 1.3 with an external PSK'],
      [46, 'P-TID', 'AAECAwQFBgcICQoL'],
      [58, 'BSF name', 'bsf.mnc001.mcc001.pub.3gppnetwork.org'],
      [59, 'NAF name', 'naf.mnc001.mcc001.pub.3gppnetwork.org'],
    ],
  );
});

test('SQN, MAC-A and both MACs of the pinned envelope hold', (t) => {
  const inspection = inspectEnvelope(envelope, sim);
  t.true(inspection.authentic);
  const sqn = 0xff9bb4d0b607;
  t.is(valueOf(inspection, 'GPI', 'SQN xor AK'), `SEQ ${Math.floor(sqn / 32)}, IND ${sqn % 32}`);
  for (const [layer, name] of [
    ['GPI', 'MAC-A'],
    ['GPI', 'MAC'],
    ['Upa', 'MAC'],
  ] as const) {
    t.is(valueOf(inspection, layer, name), 'holds');
  }
});

test('without a SIM nothing is opened, and every MAC says that it was not checked', (t) => {
  const inspection = inspectEnvelope(envelope);
  t.is(inspection.authentic, undefined);
  t.deepEqual(opened(inspection), []);
  const macs = inspection.fields.filter(({ name }) => name.startsWith('MAC'));
  t.is(macs.length, 3);
  for (const { value } of macs) t.regex(value, /^not checked/);
});

test('another SIM opens nothing, and nothing holds', (t) => {
  const other = createAlgorithm({
    algorithm: 'milenage',
    k: fromHex('00112233445566778899aabbccddeeff'),
    opc: fromHex('cd63cb71954a9f4e48a5994e37a02baf'),
  });
  const inspection = inspectEnvelope(envelope, { impi, algorithm: other });
  t.false(inspection.authentic);
  t.deepEqual(opened(inspection), []);
  t.is(valueOf(inspection, 'GPI', 'MAC-A'), 'DOES NOT HOLD');
  t.is(valueOf(inspection, 'GPI', 'MAC'), 'DOES NOT HOLD');
  t.regex(valueOf(inspection, 'GPI', 'SQN xor AK') ?? '', /concealed/);
  t.regex(valueOf(inspection, 'Upa', 'MAC') ?? '', /^not checked/);
});

test('every bit that is changed in an envelope is a fault or a MAC that does not hold', (t) => {
  for (const [bit, changed] of flippedBits(envelope)) {
    const { fault, authentic } = inspectEnvelope(changed, sim);
    t.true(fault !== undefined || authentic === false, `bit ${bit}`);
  }
});

test('which check fails says where the change is', (t) => {
  const change = (at: number): Inspection =>
    inspectEnvelope(
      envelope.map((octet, i) => (i === at ? octet ^ 1 : octet)),
      sim,
    );
  const verdicts = (inspection: Inspection): unknown[] =>
    [
      ['GPI', 'MAC-A'],
      ['GPI', 'MAC'],
      ['Upa', 'MAC'],
    ].map(([layer = '', name = '']) => valueOf(inspection, layer, name)?.slice(0, 11));
  t.deepEqual(verdicts(change(1)), ['holds', 'holds', 'DOES NOT HO']);
  t.deepEqual(verdicts(change(40)), ['DOES NOT HO', 'DOES NOT HO', 'not checked']);
  t.deepEqual(verdicts(change(50)), ['holds', 'DOES NOT HO', 'not checked']);
  t.deepEqual(verdicts(change(80)), ['holds', 'DOES NOT HO', 'not checked']);
  t.deepEqual(verdicts(change(98)), ['holds', 'holds', 'DOES NOT HO']);
});

test('of GBA_U the MAC* is taken off, and its envelope is checked with Ks_ext_NAF', (t) => {
  const { rand, nafFqdn, uaId } = pushInfo;
  const ks = ksOf(octetsOf('ck'), octetsOf('ik'));
  const autn = swapAutnStar(pushInfo.autn, octetsOf('ik'));
  const sealed = sealGpi({ ...pushInfo, gbaU: true, autn }, seal);
  const ksExtNaf = deriveKsNaf({ ks, rand, impi, nafId: nafIdOf(nafFqdn, uaId) });
  const inspection = inspectEnvelope(
    sealEnvelope({ sessionId: 1, connect: undefined, gpi: sealed }, ksExtNaf),
    sim,
  );
  t.true(inspection.authentic);
  t.is(valueOf(inspection, 'GPI', 'MAC*'), 'MAC-A xor SHA-1(IK): holds');
  const plain = sealGpi({ ...pushInfo, gbaU: true }, seal);
  t.false(inspectGpi(plain, sim).authentic, 'AUTN is not AUTN*');
});

test('a GPI whose MAC holds over nonsense is a fault at the octets that are sealed', (t) => {
  const key = deriveKsNaf({
    ks: ksOf(octetsOf('ck'), octetsOf('ik')),
    rand: pushInfo.rand,
    impi,
    nafId: GPI_NAF_ID,
  });
  t.deepEqual(key, seal.key);
  const elsewhere = sealGpi(
    { ...pushInfo, nafFqdn: pushInfo.nafFqdn },
    { key, impi: '1@example.org' as typeof impi },
  );
  const { fault, fields } = inspectGpi(elsewhere, sim);
  t.is(fault?.offset, 33);
  t.regex(fault?.reason ?? '', /bit 7|IMPI/);
  t.is(fields.at(-1)?.name, 'encrypted');
});

test('MAC-S of an AUTS message is checked, and SQN_MS is shown', (t) => {
  const sqnMs = fromHex('00000000ffff');
  const { rand } = pushInfo;
  const message = encodeAuts({ sessionId: 7, rand, auts: buildAuts(algorithm, rand, sqnMs) });
  const genuine = inspectEnvelope(message, sim);
  t.true(genuine.authentic);
  t.is(valueOf(genuine, 'Upa', 'SQN_MS xor AK*'), 'SEQ 2047, IND 31');
  t.is(valueOf(genuine, 'Upa', 'MAC-S'), 'holds');
  t.is(inspectEnvelope(message).authentic, undefined);
  const forged = inspectEnvelope(
    message.map((octet, i) => (i === 20 ? octet ^ 1 : octet)),
    sim,
  );
  t.false(forged.authentic);
  t.regex(valueOf(forged, 'Upa', 'SQN_MS xor AK*') ?? '', /concealed/);
});

test('an envelope inside an SMS is opened too, in one part or several', (t) => {
  const to = parseMsisdn('+491701234567');
  for (const applicationId of [undefined, 'x-lab:gba-user-agent']) {
    const inspect = smsInspector(sim);
    const all = encodePushSms(envelope, { to, reference: 1, applicationId });
    const last = all.flatMap(({ pdu }) => inspect(fromHex(pdu))).at(-1);
    t.true(last?.authentic);
    t.is(last?.joined, applicationId === undefined ? undefined : true);
  }
});

test('no key and no key stream is shown, whatever holds', (t) => {
  const secrets = ['ck', 'ik', 'gpiKey', 'gpiMacKey', 'gpiEncryptionKey', 'ksNaf'] as const;
  const k = '465b5ce8b199b49faa5f0a2ee238a6bc';
  const shown = JSON.stringify([inspectEnvelope(envelope, sim), inspectGpi(gpi, sim)]);
  for (const secret of secrets) t.false(shown.includes(toHex(octetsOf(secret))), secret);
  t.false(shown.includes(k));
});
