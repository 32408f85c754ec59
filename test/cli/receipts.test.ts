import { PassThrough, Writable } from 'node:stream';
import test from 'ava';
import { printReceipt, Tally } from '../../src/cli/receipts.ts';
import { PushError } from '../../src/errors.ts';
import { parseImpi, parsePushId } from '../../src/ids.ts';
import type { Receipt } from '../../src/naf/entry.ts';

const acked: Receipt = {
  id: parsePushId('id-1'),
  ue: parseImpi('001010000000001@ims.mnc001.mcc001.3gppnetwork.org'),
  state: 'acked',
  via: 'reuse',
  attempts: 1,
  ms: { total: 3, bsf: 0, trigger: 0, handshake: 0, push: 2.5 },
};
const dead = { ...acked, state: 'dead' } as const;
const refused: Receipt = { ...dead, reason: 'refused', detail: 'the UE refused it' };
const expired: Receipt = { ...dead, reason: 'expired', detail: 'too late' };
const lost: Receipt = {
  ...dead,
  reason: 'dropped',
  detail: 'it did not connect',
  code: 'ERR_CHANNEL_TIMEOUT',
};

const file = { isTTY: false };
const terminal = { isTTY: true };

function tally(receipts: readonly Receipt[], style = {}, { isTTY } = file): Tally {
  const result = new Tally(style, Object.assign(new Writable(), { isTTY }));
  for (const receipt of receipts) result.add(receipt);
  return result;
}

test('a receipt in words has its code, and only the stages that its push waited for', (t) => {
  const shown = (receipt: Receipt): string => {
    const stdout = new PassThrough();
    printReceipt({ stdin: stdout, stdout, stderr: stdout, env: {} }, receipt, {});
    return String(stdout.read());
  };
  t.is(shown(acked), 'id-1  acked  reuse  3 ms (push 2.5)\n');
  t.is(shown(refused), 'id-1  dead(refused)  the UE refused it  reuse  3 ms (push 2.5)\n');
  t.regex(shown(lost), /dead\(dropped\) {2}it did not connect \(ERR_CHANNEL_TIMEOUT\)/);
});

test('the exit code is that of the first failure, or 6 when something arrived', (t) => {
  t.is(tally([acked, acked]).exitCode, 0);
  t.is(tally([]).exitCode, 0);
  t.is(tally([refused, lost]).exitCode, 1);
  t.is(tally([lost, refused]).exitCode, 3);
  t.is(tally([expired]).exitCode, 7);
  t.is(tally([lost, acked]).exitCode, 6);
});

test('what a receipt does not tell to who looks is left to be told, once', (t) => {
  const timeout = ['it did not connect (ERR_CHANNEL_TIMEOUT)'];
  t.deepEqual(tally([lost, lost]).complaints, timeout);
  t.deepEqual(tally([refused, lost]).complaints, timeout);
  t.deepEqual(tally([lost], { json: true }, terminal).complaints, timeout);
  t.deepEqual(tally([lost], { quiet: true }, terminal).complaints, timeout);
  t.deepEqual(tally([lost], {}, terminal).complaints, [], 'it stands in the line above');
  t.deepEqual(tally([refused]).complaints, []);
  t.deepEqual(tally([refused], { json: true }).complaints, []);
  t.deepEqual(tally([refused], { quiet: true }).complaints, ['the UE refused it']);
});

test('what broke the reading is told, and counts', (t) => {
  const broken = new PushError('ERR_PUSH_OVERSIZE', 'line 3 is too long');
  const nothing = tally([]);
  nothing.fail(broken);
  t.is(nothing.exitCode, 1);
  t.deepEqual(nothing.complaints, ['line 3 is too long (ERR_PUSH_OVERSIZE)']);
  const some = tally([acked, lost]);
  some.fail(broken);
  t.is(some.exitCode, 6);
  t.is(some.complaints.length, 2);
});
