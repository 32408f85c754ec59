import test from 'ava';
import { BsfError, type GbaError } from '../../src/errors.ts';
import type { Announcement } from '../../src/naf/announcer.ts';
import { NextLayer, type NextLayerTerms } from '../../src/naf/next-layer.ts';
import { announce } from '../../src/sa/association.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

const { impi } = makeSa();
const whereabouts = {
  triggerAddress: { transport: 'udp', host: '127.0.0.1', port: 9 },
  lostAt: -Infinity,
  released: false,
} as const;

function makeAnnouncement(bsfMs = 0): Announcement {
  const { key, ...terms } = makeSa();
  return {
    sa: announce(terms, key),
    gpi: new Uint8Array(1),
    envelope: new Uint8Array(1),
    sessionId: 1,
    rand: new Uint8Array(16),
    bsfMs,
  };
}

/** The next layer of a UE that never comes, with what left for it and why it was given up. */
function makeNext(options: Partial<NextLayerTerms> = {}, offered: Announcement[] = []) {
  const clock = manualClock();
  const sent: Uint8Array[] = [];
  const dropped: GbaError[] = [];
  let asked = 0;
  const terms: NextLayerTerms = {
    clock,
    triggers: {
      send: ({ envelope }) => {
        sent.push(envelope);
        return new Promise(() => undefined);
      },
      close: () => Promise.resolve(),
    },
    patience: { triggerMs: 15_000, giveUpMs: 40_000 },
    announce: () => {
      asked += 1;
      return Promise.resolve(makeAnnouncement());
    },
    nextWake: () => undefined,
    canReconnect: () => false,
    ...options,
  };
  const device = { impi, drop: (error: GbaError) => void dropped.push(error) };
  const next = new NextLayer(device, terms, { takeOffered: () => offered.shift() });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, sent, dropped, next, advance, asked: () => asked };
}

test('a layer under a key that was announced tells the times of the BSF, the trigger and the handshake', async (t) => {
  const { next, advance } = makeNext();
  const announcement = makeAnnouncement(7);
  const { bTid } = announcement.sa;
  await advance(1_000);
  next.onAnnounced(announcement);
  t.true(next.hasAnnounced(bTid));
  const layer = { bTid, acceptedAt: 1_300 };
  t.deepEqual(next.stagesOf({ ...layer, via: 'bootstrap' }, 1_320), {
    bsf: 7,
    trigger: 300,
    handshake: 20,
  });
  const alone = { bsf: 0, trigger: 0, handshake: 20 };
  t.deepEqual(next.stagesOf({ ...layer, via: 'reconnect' }, 1_320), alone);
  const stranger = makeSa().bTid;
  t.false(next.hasAnnounced(stranger));
  t.deepEqual(next.stagesOf({ ...layer, bTid: stranger, via: 'bootstrap' }, 1_320), alone);
});

test('a UE that comes back when it was called tells the time from the first wake, unless the search ended', async (t) => {
  const { next, advance } = makeNext({
    canReconnect: () => true,
    nextWake: () => new Uint8Array(18),
  });
  const layer = { bTid: makeSa().bTid, via: 'reconnect', acceptedAt: 5_500 } as const;
  await advance(100);
  next.seek(whereabouts);
  for (const ms of [0, 5_000, 300]) await advance(ms);
  t.is(next.stagesOf(layer, 5_510).trigger, 5_400);
  next.endSearch();
  t.is(next.stagesOf(layer, 5_510).trigger, 0);
});

test('what was announced is known beyond the end of the search', async (t) => {
  const announcement = makeAnnouncement();
  const { next, advance } = makeNext({ announce: () => Promise.resolve(announcement) });
  next.seek(whereabouts);
  t.true(next.sought);
  await advance(0);
  next.endSearch();
  t.false(next.sought);
  t.true(next.hasAnnounced(announcement.sa.bTid));
});

test('the key that was offered inside the last layer is sent first, then new ones', async (t) => {
  const offered = { ...makeAnnouncement(), envelope: Uint8Array.of(7) };
  const { next, sent, asked, advance } = makeNext({}, [offered]);
  next.seek(whereabouts);
  await advance(0);
  t.deepEqual(sent, [offered.envelope]);
  t.is(asked(), 0);
  await advance(15_000);
  t.is(asked(), 1);
});

test('a UE that was told to stay away is not waited for, though its key is valid', async (t) => {
  const { next, asked, advance } = makeNext({ canReconnect: () => true });
  next.seek({ ...whereabouts, released: true });
  await advance(0);
  t.is(asked(), 1);
});

test('a search that fails drops what waits, one that was ended does not', async (t) => {
  const no = new BsfError('ERR_BSF_DENIED', 'this NAF may not');
  const { next, dropped, advance, clock } = makeNext({ announce: () => Promise.reject(no) });
  next.seek(whereabouts);
  next.endSearch();
  await advance(0);
  t.deepEqual(dropped, []);
  next.seek(whereabouts);
  await advance(0);
  t.deepEqual(dropped, [no]);
  t.is(clock.pending, 0);
});
