/** A NAF that comes back with a store of many: each association is found by all of its names. */
import { once } from 'node:events';
import test from 'ava';
import {
  bTidOf,
  impiFromImsi,
  parseFqdn,
  parseImsi,
  PSK_NAMESPACE,
  PSK_NAMESPACE_UICC,
  pskIdentityOf,
  pTidOf,
} from '../../src/ids.ts';
import { uintBytes } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import { announce, type SaRecord } from '../../src/sa/association.ts';
import { openSaFile } from '../../src/store/sa-file.ts';
import { temporaryFolder } from '../support/command.ts';
import { nafFqdn, openNaf } from '../support/ladder.ts';
import { createSim } from '../support/sim.ts';
import { policy } from '../support/tls.ts';

const COUNT = 5_000;
const bsfFqdn = parseFqdn('bsf.mnc001.mcc001.pub.3gppnetwork.org');
const storeKey = new Uint8Array(32).fill(1);

/** Of a UE of its own; every third is of GBA_U, every other is proved. */
function recordOf(n: number): SaRecord & { readonly pTid: NonNullable<SaRecord['pTid']> } {
  const octets = (length: number, salt: number) => {
    const made = new Uint8Array(length).fill(salt);
    made.set(uintBytes(n, 4));
    return made;
  };
  return {
    bTid: bTidOf(octets(16, 1), bsfFqdn),
    pTid: pTidOf(octets(12, 2)),
    impi: impiFromImsi(parseImsi(`00101${String(n).padStart(10, '0')}`)),
    nafFqdn,
    binding: { version: '1.3' },
    expiresAt: Date.now() + 3_600_000,
    lifetimeMs: 3_600_000,
    proved: n % 2 === 0,
    key: octets(32, 3),
    ...(n % 3 === 0 && { uiccKey: octets(32, 4) }),
  };
}

test('any of thousands that came out of a store handshakes under each of its PSK identities', async (t) => {
  const folder = temporaryFolder(t);
  const store = openSaFile({ folder, storeKey });
  for (let n = 0; n < COUNT; n += 1) store.put(recordOf(n));
  store.close();
  const naf = await openNaf(t, createSim(recordOf(0).impi), {
    saStore: openSaFile({ folder, storeKey }),
    bootstrap: false,
  });
  t.is(naf.associations().length, COUNT);

  let shaken = 0;
  for (const n of [0, 1, 2, 3, 1_023, 1_024, 2_500, COUNT - 2, COUNT - 1]) {
    const { bTid, pTid, key, uiccKey, ...terms } = recordOf(n);
    t.is(naf.associations(terms.impi)[0]?.bTid, bTid);
    for (const id of [bTid, pTid]) {
      for (const [namespace, used] of [
        [PSK_NAMESPACE, key],
        [PSK_NAMESPACE_UICC, uiccKey],
      ] as const) {
        const sa = announce({ ...terms, bTid, pTid }, used ?? key);
        const identity = pskIdentityOf(id, namespace);
        const dialled = dialPsk({ ...naf.address, sa, identity, policy, clock: systemClock });
        if (used === undefined) {
          await t.throwsAsync(dialled, { code: 'ERR_CHANNEL_REFUSED' }, identity);
          continue;
        }
        const { socket } = await dialled;
        // The NAF speaks only to a UE that has proved the key.
        await once(socket, 'data');
        socket.destroy();
        shaken += 1;
      }
    }
  }
  t.is(naf.fullHandshakes, shaken);
  t.is(shaken, 2 * 9 + 2 * 4);
});
