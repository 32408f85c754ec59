import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { encodeAuts } from '../../src/codec/auts.ts';
import type { OfferAnswer } from '../../src/codec/gpi-offer.ts';
import { BsfError, ChannelError, GbaError } from '../../src/errors.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { Announcement } from '../../src/naf/announcer.ts';
import {
  Renewal,
  type RenewableLayer,
  type RenewalDevice,
  type RenewalTerms,
} from '../../src/naf/renewal.ts';
import { announce } from '../../src/sa/association.ts';
import { impi } from '../support/ladder.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa } from '../support/tls.ts';

function makeAnnouncement(sessionId: number): Announcement {
  const { key, ...terms } = makeSa();
  return {
    sa: announce(terms, key),
    gpi: new Uint8Array(1),
    envelope: Uint8Array.of(sessionId),
    sessionId,
    rand: randomBytes(16),
    bsfMs: 0,
  };
}

/** A key of 100 s whose renewal is due at 90 s and whose release is due at 95 s; `answers` are the UE's, in turn. */
function makeRenewal(
  answers: (OfferAnswer | Error)[],
  options: Partial<RenewalTerms> = {},
  layered: Partial<RenewableLayer> = {},
) {
  const clock = manualClock();
  const deeds: string[] = [];
  const made: Announcement[] = [];
  const layer: RenewableLayer = {
    bTid: makeSa().bTid,
    term: { endsAt: 100_000, lifetimeMs: 100_000 },
    takesOffers: true,
    used: true,
    offer: ([id]) => {
      deeds.push(`${clock.monotonic()}: offer ${id}`);
      const answer = answers.shift() ?? { kind: 'accepted' };
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    releaseBeforeEnd: () => {
      deeds.push(`${clock.monotonic()}: release`);
      return 5;
    },
    ...layered,
  };
  const device: RenewalDevice = {
    impi,
    onAnnounced: () => undefined,
    onReleased: () => deeds.push('look for another'),
  };
  const renewal = new Renewal(device, {
    clock,
    announce: (_impi, _signal, resync) => {
      const announcement = makeAnnouncement(made.length + 1);
      deeds.push(`${clock.monotonic()}: announce${resync ? ' by AUTS' : ''}`);
      made.push(announcement);
      return Promise.resolve(announcement);
    },
    renew: 'always',
    isAnnounced: () => true,
    random: () => 0,
    ...options,
  });
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  renewal.serve(layer, 0);
  return { clock, deeds, made, layer, renewal, advance };
}

const accepted: OfferAnswer = { kind: 'accepted' };

test('before a tenth of the life is left the UE is offered a new key, and there is one timer', async (t) => {
  const { clock, deeds, renewal, advance } = makeRenewal([accepted]);
  await advance(89_999);
  t.deepEqual(deeds, []);
  t.is(clock.pending, 1);
  await advance(1);
  t.deepEqual(deeds, ['90000: announce', '90000: offer 1']);
  t.is(clock.pending, 1);
  renewal.rest();
  t.is(clock.pending, 0);
});

test('a slow bootstrap is begun earlier', async (t) => {
  const { deeds, renewal, layer, advance } = makeRenewal([accepted]);
  renewal.serve(layer, 6_000);
  await advance(76_000);
  t.deepEqual(deeds, ['76000: announce', '76000: offer 1']);
});

test('a UE that does not dial is offered the same key again, then the layer is released and another way looked for', async (t) => {
  const { deeds, made, clock, advance } = makeRenewal([]);
  await advance(100_000);
  t.is(made.length, 1, 'one vector');
  const offers = deeds.filter((deed) => deed.includes('offer'));
  t.deepEqual(offers, [
    '90000: offer 1',
    '90250: offer 1',
    '90750: offer 1',
    '91750: offer 1',
    '93750: offer 1',
  ]);
  t.deepEqual(deeds.slice(-2), ['95000: release', 'look for another']);
  t.is(clock.pending, 0);
});

test('what the UE may not have got may go another way, what it refused may not', async (t) => {
  for (const [answer, worth] of [
    [accepted, true],
    [{ kind: 'unknown' }, true],
    [{ kind: 'refused' }, false],
  ] as const) {
    const { renewal, made, advance } = makeRenewal([answer]);
    await advance(90_000);
    t.is(renewal.takeOffered(), worth ? made[0] : undefined);
    t.is(renewal.takeOffered(), undefined, 'once');
  }
});

test('a UE that refuses is offered the same key again, one that does not know the request is not', async (t) => {
  const refusing = makeRenewal([{ kind: 'refused' }, { kind: 'refused' }]);
  await refusing.advance(90_400);
  t.deepEqual(refusing.deeds, ['90000: announce', '90000: offer 1', '90250: offer 1']);
  const plain = makeRenewal([{ kind: 'unknown' }]);
  await plain.advance(94_000);
  t.deepEqual(plain.deeds, ['90000: announce', '90000: offer 1']);
  t.is(plain.clock.pending, 1, 'for the release');
});

test('"not now" is believed', async (t) => {
  const { deeds, advance } = makeRenewal([{ kind: 'not-now', afterMs: 3_000 }]);
  await advance(94_000);
  t.deepEqual(deeds.slice(0, 3), ['90000: announce', '90000: offer 1', '93000: offer 1']);
});

test('a BSF that is away is asked again; one that says no is not', async (t) => {
  let away = true;
  const asked: number[] = [];
  const { advance, clock, deeds } = makeRenewal([], {
    announce: () => {
      asked.push(clock.monotonic());
      if (away)
        return Promise.reject(new BsfError('ERR_BSF_UNREACHABLE', 'away', { retryable: true }));
      return Promise.resolve(makeAnnouncement(1));
    },
  });
  await advance(90_300);
  away = false;
  await advance(500);
  t.deepEqual(asked, [90_000, 90_250, 90_750]);
  t.deepEqual(deeds, ['90750: offer 1']);

  let denied = 0;
  const other = makeRenewal([], {
    announce: () => {
      denied += 1;
      return Promise.reject(new BsfError('ERR_BSF_DENIED', 'no'));
    },
  });
  await other.advance(100_000);
  t.is(denied, 1);
  t.deepEqual(other.deeds, ['95000: release', 'look for another']);
});

function autsFor({ sessionId, rand }: Announcement): OfferAnswer {
  const message = encodeAuts({ sessionId, rand, auts: new Uint8Array(14) });
  return { kind: 'out-of-step', message };
}

test.serial('AUTS that answers this very offer leads to another key, twice at most', async (t) => {
  const codes: string[] = [];
  t.teardown(subscribe('gba:auts:refused', ({ code }) => codes.push(code)));
  const deeds: string[] = [];
  const made: Announcement[] = [];
  const { advance } = makeRenewal(
    [],
    {
      announce: (_impi, _signal, resync) => {
        const announcement = makeAnnouncement(made.length + 1);
        deeds.push(resync ? 'announce by AUTS' : 'announce');
        made.push(announcement);
        return Promise.resolve(announcement);
      },
    },
    {
      offer: ([id]) => {
        deeds.push(`offer ${id}`);
        const offered = made.at(-1);
        return Promise.resolve(offered ? autsFor(offered) : accepted);
      },
    },
  );
  await advance(90_000);
  t.deepEqual(deeds, [
    'announce',
    'offer 1',
    'announce by AUTS',
    'offer 2',
    'announce by AUTS',
    'offer 3',
  ]);
  t.deepEqual(codes, ['ERR_UPA_BUSY']);
});

test.serial('AUTS for another challenge, or none at all, changes nothing', async (t) => {
  const codes: string[] = [];
  t.teardown(subscribe('gba:auts:refused', ({ code }) => codes.push(code)));
  const { made, advance } = makeRenewal([
    autsFor(makeAnnouncement(9)),
    { kind: 'out-of-step', message: new Uint8Array(3) },
  ]);
  await advance(90_400);
  t.is(made.length, 1);
  t.deepEqual(codes, ['ERR_UPA_MALFORMED', 'ERR_UPA_MALFORMED']);
});

test('nothing is offered to a plain client, over a layer that was not used where that matters, or at all when so chosen', async (t) => {
  const cases: [Partial<RenewalTerms>, Partial<RenewableLayer>][] = [
    [{}, { takesOffers: false }],
    [{ renew: 'used' }, { used: false }],
    [{ renew: 'never' }, {}],
    [{ announce: undefined }, {}],
  ];
  for (const [options, layer] of cases) {
    const { deeds, advance } = makeRenewal([], options, layer);
    await advance(100_000);
    t.deepEqual(deeds, ['95000: release', 'look for another']);
  }
});

test('a layer that is used late is still offered a key', async (t) => {
  const { deeds, layer, advance } = makeRenewal([], { renew: 'used' }, { used: false });
  await advance(91_000);
  Object.assign(layer, { used: true });
  await advance(3_000);
  t.true(deeds.some((deed) => deed.includes('offer 1')));
});

test('a layer that comes back under the old key is offered the same new one', async (t) => {
  const lost = new ChannelError('ERR_CHANNEL_CLOSED', 'lost', { retryable: true });
  const { deeds, made, renewal, layer, advance } = makeRenewal([lost]);
  await advance(90_000);
  renewal.rest();
  await advance(500);
  renewal.serve(layer, 0);
  await advance(50);
  t.deepEqual(deeds, ['90000: announce', '90000: offer 1', '90500: offer 1']);
  t.is(made.length, 1);
});

test('a layer under the new key begins anew', async (t) => {
  const { deeds, made, renewal, layer, advance } = makeRenewal([accepted]);
  await advance(90_000);
  const [first] = made;
  if (first === undefined) return t.fail('nothing was announced');
  const { bTid } = first.sa;
  renewal.serve({ ...layer, bTid, term: { endsAt: 190_000, lifetimeMs: 100_000 } }, 0);
  await advance(90_000);
  t.deepEqual(deeds.slice(2), ['180000: announce', '180000: offer 2']);
});

async function closedWhileAsked(t: ExecutionContext, end: (renewal: Renewal) => void) {
  let answer = (announcement: Announcement): void => void announcement;
  const { deeds, renewal, advance, clock } = makeRenewal([], {
    announce: (_impi, signal) =>
      new Promise((resolve, reject) => {
        answer = resolve;
        signal.addEventListener('abort', () => {
          reject(new GbaError('ERR_BSF_UNREACHABLE', 'aborted'));
        });
      }),
  });
  await advance(90_000);
  end(renewal);
  answer(makeAnnouncement(1));
  await advance(200);
  t.deepEqual(deeds, []);
  return clock;
}

test('a layer that is gone while the BSF is asked is offered nothing', async (t) => {
  const clock = await closedWhileAsked(t, (renewal) => {
    renewal.rest();
  });
  t.is(clock.pending, 0);
});
