import test, { type ExecutionContext } from 'ava';
import { openWire, type Wire } from '../../src/cli/demo-wire.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import { openLadder, impi, type Ladder, type LadderOptions } from '../support/ladder.ts';
import { until } from '../support/tls.ts';

const binding: TlsBinding = { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' };
/** The UE comes back by itself: no vector is spent while it may. */
const patience = { reconnectMs: 60_000 };
const saBound: LadderOptions = {
  naf: { binding, resumption: 'sa-bound', patience },
  ue: { versions: ['1.2', '1.3'], resumption: 'sa-bound' },
};

async function openOverWire(
  t: ExecutionContext,
  { naf, ue }: LadderOptions,
): Promise<Ladder & { readonly wire: Wire }> {
  const wire = await openWire();
  t.teardown(() => wire.close());
  const ladder = await openLadder(t, {
    naf: { advertise: wire.address, ...naf },
    ...(ue && { ue }),
  });
  wire.leadTo(ladder.naf.address);
  return { ...ladder, wire };
}

/** Cuts the wire and resolves when the NAF has noticed. */
async function cut({ wire }: { readonly wire: Wire }): Promise<void> {
  let closed = 0;
  const stop = subscribe('gba:layer:closed', () => (closed += 1));
  wire.cut();
  await until(() => closed === 2);
  stop();
}

test.serial('after a lost layer the session is taken up, as often as that happens', async (t) => {
  const ladder = await openOverWire(t, saBound);
  const opened: string[] = [];
  const stop = subscribe('gba:layer:opened', ({ via }) => opened.push(via));
  t.teardown(stop);
  t.like(await ladder.push('one'), { state: 'acked', via: 'bootstrap' });
  for (let i = 0; i < 2; i += 1) {
    await cut(ladder);
    t.like(await ladder.push('again'), {
      state: 'acked',
      via: 'resume',
      ms: { bsf: 0, trigger: 0 },
    });
    t.like(await ladder.push('more'), { state: 'acked', via: 'reuse' });
  }
  t.deepEqual(opened, ['bootstrap', 'resume', 'resume']);
  t.deepEqual(
    ladder.handled.map(({ via }) => via),
    ['bootstrap', 'resume', 'reuse', 'resume', 'reuse'],
  );
  t.deepEqual([ladder.naf.fullHandshakes, ladder.naf.resumedHandshakes], [1, 2]);
});

for (const [who, options] of [
  ['the NAF', { ...saBound, ue: { versions: ['1.2' as const] } }],
  ['the UE', { ...saBound, naf: { binding, patience } }],
] as const) {
  test.serial(
    `when ${who} alone would resume, the UE comes back by a full handshake`,
    async (t) => {
      const ladder = await openOverWire(t, options);
      await ladder.push('one');
      await cut(ladder);
      t.like(await ladder.push('two'), { state: 'acked', via: 'reconnect' });
      t.deepEqual([ladder.naf.fullHandshakes, ladder.naf.resumedHandshakes], [2, 0]);
    },
  );
}

test.serial('in TLS 1.3 sa-bound changes nothing', async (t) => {
  const ladder = await openOverWire(t, {
    ...saBound,
    naf: { resumption: 'sa-bound', patience },
  });
  await ladder.push('one');
  await cut(ladder);
  t.like(await ladder.push('two'), { state: 'acked', via: 'reconnect' });
  t.deepEqual([ladder.naf.fullHandshakes, ladder.naf.resumedHandshakes], [2, 0]);
});

test.serial(
  'after a revocation no session leads back: the next push pays for a new key',
  async (t) => {
    const ladder = await openOverWire(t, saBound);
    await ladder.push('one');
    await cut(ladder);
    t.like(await ladder.push('two'), { via: 'resume' });
    const before = ladder.naf.resumedHandshakes;
    t.is(ladder.naf.revoke(impi), 1);
    t.like(await ladder.push('three'), { state: 'acked', via: 'bootstrap' });
    t.is(ladder.naf.resumedHandshakes, before);
  },
);
