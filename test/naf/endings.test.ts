import test from 'ava';
import { systemClock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { impi, openNaf } from '../support/ladder.ts';
import { createSim } from '../support/sim.ts';
import { makeSa, policy, until } from '../support/tls.ts';

test.serial(
  'a UE whose key was revoked hears what a stranger hears; the NAF is told which it was',
  async (t) => {
    const naf = await openNaf(t, createSim(impi));
    const { sa } = await naf.announce(impi);
    const kept = makeSa({ ...sa }, Uint8Array.from(sa.key));
    naf.revoke(sa.bTid);
    const own = `127.0.0.1:${naf.address.port}`;
    const codes: string[] = [];
    t.teardown(
      subscribe('gba:tls:refused', ({ remote, code }) => {
        if (remote !== own) codes.push(code);
      }),
    );
    for (const one of [kept, makeSa({ nafFqdn: sa.nafFqdn })]) {
      const attempt = dialPsk({ ...naf.address, sa: one, policy, clock: systemClock });
      await t.throwsAsync(attempt, { code: 'ERR_CHANNEL_REFUSED' });
    }
    await until(() => codes.length === 2);
    t.deepEqual(codes, ['ERR_SA_REVOKED', 'ERR_SA_UNKNOWN']);
  },
);
