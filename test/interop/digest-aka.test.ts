/** SIPp answers our challenges: Milenage, RES as password and the digest over a body, by nobody of here. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHss } from '../../src/bsf/hss.ts';
import {
  digestOf,
  formatChallenge,
  formatNonce,
  parseAuthorization,
  type DigestCredentials,
} from '../../src/codec/digest-aka.ts';
import { impiFromImsi, parseImsi } from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import type { AuthenticationVector } from '../../src/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { temporaryFolder } from '../support/command.ts';
import { testWith } from '../support/peers.ts';

const withSipp = testWith('sipp');
const CALLS = 20;
const realm = 'bsf.mnc001.mcc001.pub.3gppnetwork.org';
const imsi = parseImsi('001010000000001');
const impi = impiFromImsi(imsi);
/** Test set 3 of TS 35.208; SIPp cannot take the key of set 1, which has the octet of `[` in it. */
const keys = {
  k: 'fec86ba6eb707ed08905757b1bb44b8f',
  op: 'dbc59adcb6f9a0ef735477b7fadf8374',
  opc: '1006020f0a478bf6b699f15c062e42b3',
  amf: '725c',
};

const request = (sequence: number, more: string): string => `<send><![CDATA[
REGISTER sip:${realm} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:${impi}>;tag=1
To: <sip:${impi}>
Call-ID: [call_id]
CSeq: ${sequence} REGISTER
Max-Forwards: 5
${more}
]]></send>`;

const secrets = `aka_K=0x${keys.k} aka_OP=0x${keys.op} aka_AMF=0x${keys.amf}`;
const scenario = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="AKA">
${request(1, 'Content-Length: 0\n')}
<recv response="401" auth="true"/>
${request(2, `[authentication username=${impi} ${secrets}]\nContent-Length: [len]\n\nbody`)}
<recv response="200"/>
</scenario>
`;

withSipp('SIPp proves RES to our challenges by the digest that we expect', async (t) => {
  const record = { imsi, impi, algorithm: 'milenage', uiccType: 'GBA_ME' } as const;
  const octets = { k: fromHex(keys.k), opc: fromHex(keys.opc), amf: fromHex(keys.amf) };
  const hss = createHss({ subscribers: [{ ...record, ...octets }], store: openMemoryStore() });
  const asked = new Map<string, AuthenticationVector>();
  const proved: boolean[] = [];

  const challenge = async (): Promise<string> => {
    let vector = await hss.vector(impi, 'ub');
    // SIPp ends its password at a NUL, so it is not asked to prove a RES that has one.
    while (vector.xres.includes(0)) vector = await hss.vector(impi, 'ub');
    const nonce = formatNonce(vector.rand, vector.autn);
    asked.set(nonce, vector);
    return `WWW-Authenticate: ${formatChallenge({ realm, nonce })}`;
  };
  const proves = (credentials: DigestCredentials, body: Uint8Array): boolean => {
    const { proof, response, username, nonce } = credentials;
    const password = asked.get(nonce)?.xres;
    if (proof === undefined || password === undefined || username !== impi) return false;
    return digestOf({ ...credentials, ...proof, password, method: 'REGISTER', body }) === response;
  };

  const registrar = createSocket('udp4');
  t.teardown(() => registrar.close());
  registrar.bind(0, '127.0.0.1');
  await once(registrar, 'listening');
  registrar.on('message', (datagram, from) => {
    const text = datagram.toString('latin1');
    const [head = ''] = text.split('\r\n\r\n', 1);
    const lines = head.split('\r\n');
    const shown = lines.find((line) => line.startsWith('Authorization: '));
    const echoed = lines.filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/.test(line));
    const reply = (status: string, ...more: string[]): void => {
      const answer = [`SIP/2.0 ${status}`, ...echoed, ...more, 'Content-Length: 0', '', ''];
      registrar.send(answer.join('\r\n'), from.port, from.address);
    };
    if (shown === undefined) {
      void challenge().then((header) => {
        reply('401 Unauthorized', header);
      });
      return;
    }
    const credentials = parseAuthorization(shown.slice('Authorization: '.length));
    const body = datagram.subarray(Buffer.byteLength(head) + 4);
    proved.push(proves(credentials, body) && !proves(credentials, Buffer.from('other')));
    reply('200 OK');
  });

  const file = join(temporaryFolder(t), 'aka.xml');
  writeFileSync(file, scenario);
  const sipp = spawn(
    'sipp',
    [
      ...[`127.0.0.1:${registrar.address().port}`, '-i', '127.0.0.1', '-sf', file],
      ...['-m', String(CALLS), '-l', '1', '-nostdin', '-timeout', '60', '-timeout_error'],
    ],
    { stdio: 'ignore' },
  );
  t.teardown(() => sipp.kill('SIGKILL'));
  const [code] = (await once(sipp, 'exit')) as [number | null];
  t.is(code, 0);
  t.is(asked.size, CALLS);
  t.deepEqual(proved, Array<boolean>(CALLS).fill(true));
});
