/** Associations that outlive their processes: after a restart of either end or of both, nobody asks the SIM again. */
import test, { type ExecutionContext } from 'ava';
import { subscribe } from '../../src/lib/events.ts';
import type { PushServerOptions } from '../../src/naf/push-server.ts';
import { openSaFile } from '../../src/store/sa-file.ts';
import { temporaryFolder } from '../support/command.ts';
import { impi, openNaf, openUe } from '../support/ladder.ts';
import { freePort } from '../support/ports.ts';
import { createSim } from '../support/sim.ts';
import { until } from '../support/tls.ts';

const storeKey = new Uint8Array(32).fill(1);

/** Both ends with a store each; `restart` closes one and opens it again. */
async function openBoth(t: ExecutionContext) {
  const sim = createSim(impi);
  const folders = { naf: temporaryFolder(t), ue: temporaryFolder(t) };
  const listen = { host: '127.0.0.1', port: await freePort() };
  const trigger = { transport: 'udp', host: '127.0.0.1', port: await freePort() } as const;
  const naf = (more: Partial<PushServerOptions> = {}) =>
    openNaf(t, sim, {
      listen,
      triggerAddress: () => trigger,
      saStore: openSaFile({ folder: folders.naf, storeKey }),
      patience: { reconnectMs: 4_000 },
      ...more,
    });
  const ue = () =>
    openUe(t, sim, () => undefined, {
      listen: trigger,
      saStore: openSaFile({ folder: folders.ue, storeKey }),
    });
  return { sim, naf, ue, ends: { naf: await naf(), ue: await ue() } };
}

const soon = { ttlSeconds: 8 };

for (const which of ['naf', 'ue', 'both'] as const) {
  for (const how of ['drain', 'close'] as const) {
    test.serial(
      `after ${how} and a new start of ${which}, the next push goes by reconnect`,
      async (t) => {
        const { sim, naf, ue, ends } = await openBoth(t);
        t.like(await ends.naf.push(impi, Buffer.from('one'), soon), { via: 'bootstrap' });
        if (which !== 'ue') {
          await ends.naf[how]();
          ends.naf = await naf();
        }
        if (which !== 'naf') {
          await ends.ue[how]();
          ends.ue = await ue();
        }
        t.like(await ends.naf.push(impi, Buffer.from('two'), soon), {
          state: 'acked',
          via: 'reconnect',
        });
        t.like(await ends.naf.push(impi, Buffer.from('three'), soon), { via: 'reuse' });
        t.is(sim.hss.vectors.length, 1);
        t.is(sim.usim.runs, 1);
      },
    );
  }
}

test.serial(
  'a revoked association ends within 100 ms and never comes back, at neither end',
  async (t) => {
    const { sim, naf, ue, ends } = await openBoth(t);
    await ends.naf.push(impi, Buffer.from('one'), soon);
    const [sa] = ends.naf.associations(impi);
    const closed: string[] = [];
    t.teardown(subscribe('gba:sa:closed', ({ bTid, reason }) => closed.push(`${bTid} ${reason}`)));
    const layerGone = new Promise((resolve) => {
      t.teardown(subscribe('gba:layer:closed', resolve));
    });
    if (sa === undefined) throw new Error('there is one');
    const key = sa.key;
    t.is(ends.naf.revoke(sa.bTid), 1);
    t.deepEqual([...key], new Array(32).fill(0), 'its key is gone at once');
    await layerGone;
    await until(() => closed.length === 2);
    t.deepEqual(closed, [`${sa.bTid} revoked`, `${sa.bTid} revoked`]);
    t.is(ends.naf.revoke(sa.bTid), 0);
    await Promise.all([ends.naf.close(), ends.ue.close()]);
    [ends.naf, ends.ue] = [await naf(), await ue()];
    t.deepEqual(ends.naf.associations(), []);
    t.like(await ends.naf.push(impi, Buffer.from('two'), soon), { via: 'bootstrap' });
    t.is(sim.hss.vectors.length, 2);
  },
);

test.serial('a push that waits when its association is revoked goes by a new one', async (t) => {
  const { ends } = await openBoth(t);
  await ends.naf.push(impi, Buffer.from('one'), soon);
  t.is(ends.naf.revoke(impi), 1);
  t.like(await ends.naf.push(impi, Buffer.from('two'), soon), { state: 'acked', via: 'bootstrap' });
});

test.serial('an association that expired while nobody ran is over at both ends', async (t) => {
  const { naf, ue, ends } = await openBoth(t);
  await ends.naf.close();
  ends.naf = await naf({ lifetimeSeconds: 1 });
  await ends.naf.push(impi, Buffer.from('one'), soon);
  await Promise.all([ends.naf.close(), ends.ue.close()]);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  [ends.naf, ends.ue] = [await naf(), await ue()];
  t.deepEqual(ends.naf.associations(), []);
  t.like(await ends.naf.push(impi, Buffer.from('two'), soon), { via: 'bootstrap' });
});
