import test from 'ava';
import { parseEndpoint } from '../../src/codec/address.ts';
import { CODE } from '../../src/codec/coap.ts';
import { parsePush, registration } from '../../src/codec/push.ts';
import { pskIdentityOf, parseBTid, parseFqdn, parseImpi, parsePTid } from '../../src/ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { announce } from '../../src/sa/association.ts';
import { channelOver } from '../support/channel.ts';
import { call, jsonLines, temporaryFolder } from '../support/command.ts';
import { policy, until } from '../support/tls.ts';

const UES = ['001010000000001', '001010000000002@ims.mnc001.mcc001.3gppnetwork.org'];

interface Shown {
  readonly btid: string;
  readonly pskIdentity: string;
  readonly ksNaf: string;
  readonly expiresAt: number;
  readonly connect: string;
  readonly ptid: string;
  readonly impi: string;
  readonly nafFqdn: string;
}

/** A client of a lab: it knows what the command printed, and nothing else. */
async function dialAs(shown: Shown, binding: TlsBinding) {
  const terms = {
    bTid: parseBTid(shown.btid).bTid,
    pTid: parsePTid(shown.ptid).pTid,
    impi: parseImpi(shown.impi),
    nafFqdn: parseFqdn(shown.nafFqdn),
    expiresAt: shown.expiresAt,
    binding,
  };
  const sa = announce(terms, fromHex(shown.ksNaf));
  return dialPsk({ ...parseEndpoint(shown.connect), sa, policy, clock: systemClock });
}

for (const binding of [
  { version: '1.3' },
  { version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' },
] as const satisfies TlsBinding[]) {
  test.serial(
    `what is printed is enough for a client of TLS ${binding.version}, and each line goes to every UE`,
    async (t) => {
      const how = 'suite' in binding ? ['--suite', binding.suite] : [];
      const naf = call(t, 'naf-push', [
        ...['sa', 'announce', ...UES, '--dangerously-show-key', '--json'],
        ...['--state', temporaryFolder(t), ...how],
      ]);
      await naf.says(/\{.*\n\{.*\n/);
      const shown = jsonLines(naf.stdout) as unknown as Shown[];
      t.is(shown.length, 2);
      t.deepEqual(Object.keys(shown[0] ?? {}).slice(0, 7), [
        ...['btid', 'pskIdentity', 'ksNaf', 'expiresAt', 'gpi', 'uaId', 'connect'],
      ]);
      const seen: string[] = [];
      for (const one of shown) {
        t.is(one.pskIdentity, pskIdentityOf(parseBTid(one.btid).bTid));
        const { socket } = await dialAs(one, binding);
        t.teardown(() => socket.destroy());
        const channel = channelOver(socket, {
          onRequest: (request, respond) => {
            const push = parsePush(request);
            if (push !== undefined) {
              seen.push(`${one.impi.slice(0, 15)} ${Buffer.from(push.payload).toString()}`);
            }
            respond({ code: CODE.CREATED });
          },
        });
        channel.request(registration(undefined), () => undefined);
      }
      naf.write('hello\nagain\n');
      await until(() => jsonLines(naf.stdout).length === 2 + 4);
      t.deepEqual(seen.toSorted(), [
        ...['001010000000001 again', '001010000000001 hello'],
        ...['001010000000002 again', '001010000000002 hello'],
      ]);
      const receipts = jsonLines(naf.stdout).slice(2);
      t.true(receipts.every(({ state }) => state === 'acked'));
      naf.interrupt();
      t.is(await naf.ended, 130);
    },
  );
}

test.serial('without the dangerous flag no key is shown', async (t) => {
  for (const json of [['--json'], []]) {
    const args = ['sa', 'announce', UES[0] ?? '', '--state', temporaryFolder(t), ...json];
    const naf = call(t, 'naf-push', args);
    await naf.says(/envelope/);
    t.notRegex(naf.stdout + naf.stderr, /ksNaf|key/i);
    naf.interrupt();
    t.is(await naf.ended, 130);
  }
});

test.serial(
  'the end of stdin does not end it; what waits when it is interrupted is told',
  async (t) => {
    const args = ['sa', 'announce', UES[0] ?? '', '--state', temporaryFolder(t), '--json'];
    const naf = call(t, 'naf-push', args, { input: 'nobody hears this\n' });
    await naf.says(/envelope/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    naf.interrupt();
    t.is(await naf.ended, 130);
    t.like(jsonLines(naf.stdout)[1], { state: 'dead', reason: 'dropped', attempts: 0 });
  },
);
