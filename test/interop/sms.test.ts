/** Wireshark's own dissectors of SMS and WSP read our short messages, joined from their parts. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { encodePushSms, type PushSmsOptions } from '../../src/codec/sms-push.ts';
import { parseMsisdn } from '../../src/ids.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { temporaryFolder } from '../support/command.ts';
import { octetsOf } from '../support/gpi.ts';
import { isThere, testWith } from '../support/peers.ts';

const test = testWith('tshark', () => isThere('tshark') && isThere('text2pcap'));
const options: PushSmsOptions = { to: parseMsisdn('+491701234567'), reference: 7 };

/** Link type USER0, which tshark is told to hand to the dissector of SMS; inbound, so that 01 is SMS-SUBMIT. */
function dissect(t: ExecutionContext, more: Partial<PushSmsOptions>): string {
  const folder = temporaryFolder(t);
  const [text, capture] = [join(folder, 'sms.txt'), join(folder, 'sms.pcapng')];
  const pdus = encodePushSms(octetsOf('envelope'), { ...options, ...more });
  const dumps = pdus.map(({ pdu }) => `I\n000000 ${(pdu.slice(2).match(/../g) ?? []).join(' ')}\n`);
  writeFileSync(text, dumps.join(''));
  t.is(spawnSync('text2pcap', ['-q', '-D', '-l', '147', text, capture]).status, 0);
  const dlt = 'uat:user_dlts:"User 0 (DLT=147)","gsm_sms","0","","0",""';
  const reassemble = ['-o', 'gsm_sms.reassemble:TRUE'];
  const { stdout } = spawnSync('tshark', ['-r', capture, '-o', dlt, ...reassemble, '-V', '-x'], {
    encoding: 'utf8',
  });
  return stdout;
}

/** The octets of tshark's hex dumps, one after the other. */
function dumpedHex(text: string): string {
  return Array.from(text.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ){1,16})/gm), ([, row = '']) =>
    row.replaceAll(' ', ''),
  ).join('');
}

test('tshark reads SMS-SUBMIT, ports, media type and length of the body in one SMS', (t) => {
  const seen = dissect(t, { validSeconds: 3600 });
  t.regex(seen, /SMS-SUBMIT/);
  t.regex(seen, /TP-DA Digits: 491701234567/);
  t.regex(seen, /Numbering plan: ISDN\/telephone/);
  t.regex(seen, /Character Set: 8 bit data/);
  t.regex(seen, /no message class/);
  t.regex(seen, /TP-Validity-Period: 1 hours 0 minutes/);
  t.regex(seen, /Destination port: .*\(2948\)/);
  t.regex(seen, /Originator port: .*\(9200\)/);
  t.regex(seen, /PDU Type: Push \(0x06\)/);
  t.regex(seen, /Content-Type: application\/vnd\.3gpp\.gba\.gpi/);
  t.regex(seen, /Media type: application\/vnd\.3gpp\.gba\.gpi \(99 bytes\)/);
  t.notRegex(seen, /Malformed|Expert Info \(Error/);
});

test('tshark joins the parts of a longer push to the same envelope', (t) => {
  const seen = dissect(t, { applicationId: 'x-lab:gba' });
  t.regex(seen, /Concatenated short messages, 8-bit reference number/);
  t.regex(seen, /Message part number: 2/);
  t.regex(seen, /X-Wap-Application-Id: x-lab:gba/i);
  t.regex(seen, /Media type: application\/vnd\.3gpp\.gba\.gpi \(99 bytes\)/);
  t.true(dumpedHex(seen).includes(toHex(octetsOf('envelope'))));
  t.notRegex(seen, /Malformed|Expert Info \(Error/);
});

test('tshark reads numbers for media type and application, short and long', (t) => {
  const seen = dissect(t, { contentTypeCode: 0x2e, applicationId: 2 });
  t.regex(seen, /Content-Type: application\/vnd\.wap\.sic/);
  t.regex(seen, /X-Wap-Application-Id: x-wap-application:wml\.ua/i);
  const long = dissect(t, { contentTypeCode: 0x310, applicationId: 0x9001 });
  t.regex(long, /Headers Length: 8/);
  t.notRegex(long, /Malformed|Expert Info \(Error/);
});
