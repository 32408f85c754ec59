/** UEs that come by a key of their own: the BSF is asked while their handshake waits, and nobody else waits. */
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { deriveKsNaf } from '../../src/aka/kdf.ts';
import { createBsf } from '../../src/bsf/bsf.ts';
import { createSessions, type BootstrapSessions } from '../../src/bsf/sessions.ts';
import { formatEndpoint } from '../../src/codec/address.ts';
import { registration } from '../../src/codec/push.ts';
import { BsfError, GbaError } from '../../src/errors.ts';
import {
  bsfFqdnFromImpi,
  bTidOf,
  nafIdOf,
  parseImpi,
  pskIdentityOf,
  PSK_NAMESPACE_UICC,
  uaIdOf,
  type BTid,
  type Impi,
} from '../../src/ids.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { subscribe } from '../../src/lib/events.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { Wait } from '../../src/async-psk/lookup.ts';
import { UbArrivals } from '../../src/naf/ub-arrivals.ts';
import type { PushServer, PushServerOptions } from '../../src/naf/push-server.ts';
import { dialPsk } from '../../src/net/psk-client.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import type { Bsf } from '../../src/ports.ts';
import { announce, type Announced } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { channelOver } from '../support/channel.ts';
import { gate, impi, nafFqdn, openNaf } from '../support/ladder.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';
import { createSim } from '../support/sim.ts';
import { policy, TLS13, until } from '../support/tls.ts';

interface Arrival {
  readonly naf: PushServer;
  readonly sessions: BootstrapSessions;
  /** B-TIDs that the BSF was asked for. */
  readonly asked: BTid[];
  /** A run of Ub: what the UE has of it, as an association with this NAF. */
  readonly bootstrapped: (who?: Impi, agoMs?: number, gbaU?: boolean) => Announced;
}

interface ArrivalOptions extends Partial<PushServerOptions> {
  /** What stands before the BSF of this test. */
  readonly before?: (bsf: Bsf) => Bsf;
  readonly clock?: Clock;
}

async function openArrivals(
  t: ExecutionContext,
  { before = (bsf) => bsf, ...options }: ArrivalOptions = {},
): Promise<Arrival> {
  const { clock = systemClock, binding = TLS13 } = options;
  const sim = createSim(impi);
  const sessions = createSessions(clock);
  const core = createBsf({ hss: sim.hss, clock, policy: policy.keyLifetime, sessions });
  const asked: BTid[] = [];
  const bsf = before({
    ...core,
    bootstrapInfo: (request, signal) => {
      asked.push(request.bTid as BTid);
      return core.bootstrapInfo(request, signal);
    },
  });
  const naf = await openNaf(t, sim, {
    bsf,
    bootstrap: false,
    acceptBootstrapped: true,
    ...options,
  });
  t.teardown(() => {
    sessions.close();
  });
  const bootstrapped: Arrival['bootstrapped'] = (who = impi, agoMs = 0, gbaU = false) => {
    const [rand, ks] = [randomBytes(16), randomBytes(32)];
    const createdAt = clock.now() - agoMs;
    const expiresAt = createdAt + 3_600_000;
    const bTid = bTidOf(rand, bsfFqdnFromImpi(who));
    const key = deriveKsNaf({ ks, rand, impi: who, nafId: nafIdOf(nafFqdn, uaIdOf(binding)) });
    sessions.add({ bTid, impi: who, rand, ks, gbaU, createdAt, expiresAt });
    return announce({ bTid, impi: who, nafFqdn, binding, expiresAt }, key);
  };
  return { naf, sessions, asked, bootstrapped };
}

/** What a BSF elsewhere is: an answer takes 80 ms, and an abort ends the wait. */
function remote(bsf: Bsf): Bsf {
  return {
    ...bsf,
    bootstrapInfo: async (request, signal) => {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, 80);
        signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(new Error('aborted'));
        });
      });
      return bsf.bootstrapInfo(request, signal);
    },
  };
}

function dial(
  t: ExecutionContext,
  naf: PushServer,
  sa: Announced,
  more: Partial<Parameters<typeof dialPsk>[0]> = {},
): Promise<SecuredSocket> {
  const dialled = dialPsk({ ...naf.address, sa, policy, clock: systemClock, ...more });
  dialled.then(
    ({ socket }) => {
      t.teardown(() => socket.destroy());
    },
    () => undefined,
  );
  return dialled;
}

/** A UE that takes pushes and answers each. */
async function register(
  t: ExecutionContext,
  naf: PushServer,
  sa: Announced,
): Promise<SecuredSocket> {
  const layer = await dial(t, naf, sa);
  const channel = channelOver(layer.socket);
  await channel.ready;
  await new Promise((resolve) => {
    channel.request(registration(undefined), resolve);
  });
  return layer;
}

const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => 'a layer',
    (error: unknown) => (error instanceof GbaError ? error.code : error),
  );

/** Why the NAF refused handshakes; UEs tell theirs as well. Of this process, so tests that read it are serial. */
function refusals(t: ExecutionContext, naf: PushServer): { code: string; reason: string }[] {
  const told: { code: string; reason: string }[] = [];
  const stop = subscribe('gba:tls:refused', ({ remote, code, reason }) => {
    if (remote !== formatEndpoint(naf.address)) told.push({ code, reason });
  });
  t.teardown(stop);
  return told;
}

const bindings: readonly TlsBinding[] = [
  TLS13,
  { version: '1.2', suite: 'ECDHE-PSK-CHACHA20-POLY1305' },
];

for (const binding of bindings) {
  for (const [where, before] of [
    ['in this process', (bsf: Bsf) => bsf],
    ['80 ms away', remote],
  ] as const) {
    test(`TLS ${binding.version}: a UE that bootstrapped over Ub gets a layer, with the BSF ${where}`, async (t) => {
      const { naf, asked, bootstrapped } = await openArrivals(t, { binding, before });
      const sa = bootstrapped();
      await register(t, naf, sa);
      const first = await naf.push(impi, Buffer.from('one'));
      t.like(first, {
        state: 'acked',
        via: 'ue-initiated',
        attempts: 1,
        ms: { bsf: 0, trigger: 0 },
      });
      t.like(await naf.push(impi, Buffer.from('two')), { state: 'acked', via: 'reuse' });
      t.deepEqual(asked, [sa.bTid]);
      t.like(naf.associations(impi)[0], { bTid: sa.bTid, state: 'established', pTid: undefined });
    });
  }
}

test('once it is known, a UE comes back without the BSF', async (t) => {
  const { naf, asked, bootstrapped } = await openArrivals(t);
  const sa = bootstrapped();
  const { socket } = await register(t, naf, sa);
  socket.destroy();
  await until(() => naf.associations(impi)[0]?.state === 'parked');
  await register(t, naf, sa);
  t.like(await naf.push(impi, Buffer.from('one')), { state: 'acked', via: 'reconnect' });
  t.deepEqual(asked, [sa.bTid]);
});

test('in GBA_U the UICC comes by its own name and key', async (t) => {
  const { naf, bootstrapped, sessions } = await openArrivals(t);
  const sa = bootstrapped(impi, 0, true);
  const core = createBsf({
    hss: createSim(impi).hss,
    clock: systemClock,
    policy: policy.keyLifetime,
    sessions,
  });
  const { ksIntNaf } = await core.bootstrapInfo({ bTid: sa.bTid, nafFqdn, uaId: uaIdOf(TLS13) });
  const identity = pskIdentityOf(sa.bTid, PSK_NAMESPACE_UICC);
  const card = { ...sa, key: ksIntNaf ?? sa.key };
  await dial(t, naf, card, { identity });
  t.is(await codeOf(dial(t, naf, sa, { identity })), 'ERR_CHANNEL_REFUSED');
});

test('a NAF that was not told to asks nobody, and refuses at once', async (t) => {
  const clock = manualClock();
  const { naf, asked, bootstrapped } = await openArrivals(t, { acceptBootstrapped: false, clock });
  t.is(await codeOf(dial(t, naf, bootstrapped())), 'ERR_CHANNEL_REFUSED');
  t.deepEqual(asked, []);
});

test('two UEs that race and one B-TID twice at once: one question for each B-TID', async (t) => {
  const { naf, asked, bootstrapped } = await openArrivals(t, { before: remote });
  const other = parseImpi('001010000000002@ims.mnc001.mcc001.3gppnetwork.org');
  const [one, two] = [bootstrapped(), bootstrapped(other)];
  await Promise.all([dial(t, naf, one), dial(t, naf, two), dial(t, naf, one)]);
  t.deepEqual(asked.toSorted(), [one.bTid, two.bTid].sort());
  await until(() => naf.fullHandshakes === 3);
  t.is(naf.associations().length, 2);
});

test.serial(
  'unknown, revoked, of another key, of no name and unreachable look alike, and later',
  async (t) => {
    let isDown = false;
    const clock = manualClock();
    const { naf, asked, bootstrapped, sessions } = await openArrivals(t, {
      clock,
      before: (bsf) => ({
        ...bsf,
        bootstrapInfo: (request, signal) =>
          isDown
            ? Promise.reject(new BsfError('ERR_BSF_UNREACHABLE', 'down', { retryable: true }))
            : bsf.bootstrapInfo(request, signal),
      }),
    });
    const told = refusals(t, naf);
    const refused = async (sa: Announced): Promise<unknown> => {
      const [before, layers] = [told.length, naf.fullHandshakes];
      await settle();
      const idle = clock.pending;
      let isOver = false;
      const code = codeOf(dial(t, naf, sa)).finally(() => (isOver = true));
      await until(() => clock.pending >= idle + 2);
      await settle();
      clock.advance(1_999);
      await settle();
      t.false(isOver);
      clock.advance(1);
      const heard = await code;
      await until(() => told.length > before);
      t.is(naf.fullHandshakes, layers);
      return [heard, told.at(-1)?.code];
    };
    const revoked = bootstrapped();
    await dial(t, naf, revoked);
    await until(() => naf.fullHandshakes === 1);
    t.is(naf.revoke(revoked.bTid), 1);
    const known = bootstrapped();
    await dial(t, naf, known);
    await until(() => naf.fullHandshakes === 2);
    const stranger = bootstrapped();
    const elsewhere = { ...stranger, bTid: bTidOf(randomBytes(16), bsfFqdnFromImpi(impi)) };
    const wrongKey = { ...known, key: randomBytes(32) };
    t.deepEqual(await refused(elsewhere), ['ERR_CHANNEL_REFUSED', 'ERR_BSF_UNKNOWN_TRANSACTION']);
    t.deepEqual(await refused(wrongKey), ['ERR_CHANNEL_REFUSED', 'ERR_CHANNEL_REFUSED']);
    t.deepEqual(await refused(revoked), ['ERR_CHANNEL_REFUSED', 'ERR_SA_UNKNOWN']);
    isDown = true;
    t.deepEqual(await refused(stranger), ['ERR_CHANNEL_REFUSED', 'ERR_BSF_UNREACHABLE']);
    t.deepEqual(asked, [revoked.bTid, known.bTid, elsewhere.bTid]);
    t.truthy(sessions.find(revoked.bTid));
  },
);

test.serial(
  'a UE whose IMPI the BSF does not tell is refused for push, and an event says why',
  async (t) => {
    const keys: Uint8Array[] = [];
    const { naf, bootstrapped } = await openArrivals(t, {
      before: (bsf) => ({
        ...bsf,
        bootstrapInfo: async (request, signal) => {
          const info = await bsf.bootstrapInfo(request, signal);
          keys.push(info.ksNaf);
          return { ...info, impi: undefined };
        },
      }),
    });
    const told = refusals(t, naf);
    t.is(await codeOf(dial(t, naf, bootstrapped())), 'ERR_CHANNEL_REFUSED');
    await until(() => told.length > 0);
    t.is(told[0]?.code, 'ERR_BSF_DENIED');
    t.regex(told[0]?.reason ?? '', /does not say whose .* is: let this NAF learn IMPIs/);
    t.deepEqual(naf.associations(), []);
    t.true(keys[0]?.every((octet) => octet === 0));
  },
);

test('what is known opens its layer while unknown identities take every place', async (t) => {
  const clock = manualClock();
  const never = gate();
  const { naf, asked, bootstrapped } = await openArrivals(t, {
    clock,
    before: (bsf) => ({
      ...bsf,
      bootstrapInfo: async (request, signal) => {
        const info = bsf.bootstrapInfo(request, signal);
        if (asked.length > 1) await never.passed;
        return info;
      },
    }),
  });
  const known = bootstrapped();
  await dial(t, naf, known);
  const strangers = Array.from({ length: 250 }, () => ({
    ...known,
    bTid: bTidOf(randomBytes(16), bsfFqdnFromImpi(impi)),
  }));
  const attempts = strangers.map((sa) => codeOf(dial(t, naf, sa)));
  await until(() => asked.length === 1 + 128);
  await dial(t, naf, known);
  await until(() => naf.fullHandshakes === 2);
  clock.advance(2_000);
  const codes = new Set(await Promise.all(attempts));
  never.open();
  t.deepEqual([...codes], ['ERR_CHANNEL_REFUSED']);
  t.is(asked.length, 1 + 128);
});

test('an association that expires before its handshake ends opens no layer', async (t) => {
  const clock = manualClock();
  const held = gate();
  const { naf, bootstrapped } = await openArrivals(t, {
    clock,
    lifetimeSeconds: 1,
    before: (bsf) => ({
      ...bsf,
      bootstrapInfo: async (request, signal) => {
        const info = await bsf.bootstrapInfo(request, signal);
        await held.passed;
        return { ...info, expiresAt: clock.now() };
      },
    }),
  });
  const code = codeOf(dial(t, naf, bootstrapped()));
  await settle();
  held.open();
  await settle();
  clock.advance(2_000);
  t.is(await code, 'ERR_CHANNEL_REFUSED');
  t.deepEqual(naf.associations(), []);
});

test('the key lives as long as the BSF says, and no longer than this NAF allows', async (t) => {
  const clock = manualClock();
  const { naf, bootstrapped } = await openArrivals(t, { clock, lifetimeSeconds: 600 });
  const [old, young] = [bootstrapped(impi, 3_500_000), bootstrapped(impi)];
  await dial(t, naf, old);
  await dial(t, naf, young);
  await until(() => naf.fullHandshakes === 2);
  t.deepEqual(
    naf.associations(impi).map(({ bTid, expiresAt }) => [bTid, expiresAt - clock.now()]),
    [
      [old.bTid, 100_000],
      [young.bTid, 600_000],
    ],
  );
});

test('a key that is older than an association of push does not end it, a younger one does', async (t) => {
  const { naf, bootstrapped } = await openArrivals(t);
  const { sa: pushed } = await naf.announce(impi);
  const before = bootstrapped(impi, 60_000);
  await register(t, naf, before);
  t.deepEqual(
    naf.associations(impi).map(({ bTid, state }) => [bTid, state]),
    [
      [before.bTid, 'established'],
      [pushed.bTid, 'announced'],
    ],
  );
  await register(t, naf, pushed);
  await until(() => naf.associations(impi).length === 1);
  t.is(naf.associations(impi)[0]?.bTid, pushed.bTid);
  t.is(await codeOf(dial(t, naf, before)), 'ERR_CHANNEL_REFUSED');

  const after = bootstrapped(impi, -1_000);
  await register(t, naf, after);
  await until(() => naf.associations(impi).length === 1);
  t.is(naf.associations(impi)[0]?.bTid, after.bTid);
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i += 1) await new Promise((resolve) => setTimeout(resolve, 1));
};

interface Asking {
  readonly arrivals: UbArrivals;
  readonly registry: SaRegistry;
  readonly clock: ManualClock;
  readonly asked: { readonly bTid: string; readonly signal: AbortSignal | undefined }[];
  /** Answers the n-th question. */
  readonly answer: (n: number, how?: Error) => void;
  readonly end: AbortController;
}

/** Arrivals before a BSF that answers when the test says so. */
function openAsking(): Asking {
  const clock = manualClock();
  const asked: Asking['asked'][number][] = [];
  const answers: ((how?: Error) => void)[] = [];
  const end = new AbortController();
  const bsf: Bsf = {
    pushInfo: () => Promise.reject(new Error('not in this test')),
    bootstrapInfo: ({ bTid }, signal) =>
      new Promise((resolve, reject) => {
        asked.push({ bTid, signal });
        answers.push((how) => {
          if (how) reject(how);
          else resolve({ ksNaf: randomBytes(32), expiresAt: clock.now() + 60_000, impi });
        });
      }),
  };
  const registry: SaRegistry = new SaRegistry({
    clock,
    onClosed: (sa) => {
      arrivals.closed(sa);
    },
  });
  const binding = TLS13;
  const options = { bsf, registry, clock, nafFqdn, binding, lifetimeSeconds: 3_600 };
  const arrivals = new UbArrivals({ ...options, ended: end.signal });
  return { arrivals, registry, clock, asked, answer: (n, how) => answers[n]?.(how), end };
}

const someBTid = (): BTid => bTidOf(randomBytes(16), bsfFqdnFromImpi(impi));
/** Somebody waits until the signal aborts. */
const waitUntil = (signal = new AbortController().signal): Pick<Wait, 'onOver'> => ({
  onOver(action) {
    signal.addEventListener('abort', () => {
      action(signal.reason as GbaError);
    });
  },
});
const unknown = (): BsfError => new BsfError('ERR_BSF_UNKNOWN_TRANSACTION', 'nobody');

test('what names no B-TID in its one spelling is not asked for', async (t) => {
  const { arrivals, asked } = openAsking();
  const bTid = someBTid();
  for (const identity of [
    '',
    bTid,
    `3GPP-bootstrapping;${bTid.toUpperCase()}`,
    `3GPP-bootstrapping;${bTid};`,
    `3gpp-bootstrapping;${bTid}`,
    `3GPP-bootstrapping-other;${bTid}`,
    '3GPP-bootstrapping;AAECAwQFBgcICQoL',
    `3GPP-bootstrapping;${bTid}\n`,
  ]) {
    t.is(await codeOf(arrivals.lookUp(identity, waitUntil())), 'ERR_SA_UNKNOWN', identity);
  }
  t.deepEqual(asked, []);
});

test('what the BSF does not know is not asked again for half a minute, what it could not say is', async (t) => {
  const { arrivals, asked, answer, clock } = openAsking();
  const identity = pskIdentityOf(someBTid());
  const ask = async (n: number, how: Error): Promise<unknown> => {
    const code = codeOf(arrivals.lookUp(identity, waitUntil()));
    answer(n, how);
    return code;
  };
  const down = new BsfError('ERR_BSF_UNREACHABLE', 'down', { retryable: true });
  t.is(await ask(0, down), 'ERR_BSF_UNREACHABLE');
  t.is(await ask(1, unknown()), 'ERR_BSF_UNKNOWN_TRANSACTION');
  clock.advance(29_999);
  t.is(await ask(2, unknown()), 'ERR_SA_UNKNOWN');
  t.is(asked.length, 2);
  clock.advance(1);
  t.is(await ask(2, unknown()), 'ERR_BSF_UNKNOWN_TRANSACTION');
});

test('a question ends when the last one who waits for it leaves, and says nothing of the B-TID', async (t) => {
  const { arrivals, registry, asked, answer } = openAsking();
  const bTid = someBTid();
  const identity = pskIdentityOf(bTid);
  const [one, two] = [new AbortController(), new AbortController()];
  const codes = [one, two].map(({ signal }) =>
    codeOf(arrivals.lookUp(identity, waitUntil(signal))),
  );
  one.abort();
  t.false(asked[0]?.signal?.aborted);
  two.abort(new GbaError('ERR_CHANNEL_POLICY', 'it sent too much'));
  t.true(asked[0]?.signal?.aborted);

  const third = arrivals.lookUp(identity, waitUntil());
  t.is(asked.length, 2);
  answer(0, new BsfError('ERR_BSF_DENIED', 'aborted'));
  t.deepEqual(await Promise.all(codes), ['ERR_BSF_DENIED', 'ERR_BSF_DENIED']);
  answer(1, new BsfError('ERR_BSF_UNREACHABLE', 'down', { retryable: true }));
  t.is(await codeOf(third), 'ERR_BSF_UNREACHABLE');

  const fourth = arrivals.lookUp(identity, waitUntil());
  t.is(asked.length, 3);
  answer(2);
  await fourth;
  t.truthy(registry.find(identity));
});

test('an answer that comes after everybody has left adds nothing, and its key is wiped', async (t) => {
  const { arrivals, registry, answer } = openAsking();
  const gone = new AbortController();
  const code = codeOf(arrivals.lookUp(pskIdentityOf(someBTid()), waitUntil(gone.signal)));
  gone.abort(new GbaError('ERR_CHANNEL_CLOSED', 'left'));
  answer(0);
  t.is(await code, 'ERR_CHANNEL_CLOSED');
  t.is(registry.size, 0);
});

test('when the NAF ends, so do its questions', async (t) => {
  const { arrivals, asked, answer, end, registry } = openAsking();
  const code = codeOf(arrivals.lookUp(pskIdentityOf(someBTid()), waitUntil()));
  end.abort(new GbaError('ERR_CHANNEL_CLOSED', 'over'));
  t.true(asked[0]?.signal?.aborted);
  answer(0);
  t.is(await code, 'ERR_CHANNEL_CLOSED');
  t.is(registry.size, 0);
});

test('128 questions are out at once, and each that ends makes room', async (t) => {
  const { arrivals, asked, answer } = openAsking();
  const ask = (): Promise<unknown> =>
    codeOf(arrivals.lookUp(pskIdentityOf(someBTid()), waitUntil()));
  const first = ask();
  for (let i = 1; i < 128; i += 1) void ask();
  t.is(await ask(), 'ERR_BSF_BUSY');
  answer(0, unknown());
  await first;
  void ask();
  t.is(asked.length, 129);
});

test('keys that nobody proves are bounded, and who makes room may come again', async (t) => {
  const { arrivals, registry, answer, asked } = openAsking();
  const bTids = Array.from({ length: 1_026 }, someBTid);
  for (const [n, bTid] of bTids.entries()) {
    const known = arrivals.lookUp(pskIdentityOf(bTid), waitUntil());
    answer(n);
    await known;
    if (n === 0) {
      registry.establish(bTid);
      arrivals.proved(bTid);
    }
  }
  t.is(registry.size, 1 + 1_024);
  const [proved, evicted] = bTids as [BTid, BTid];
  t.truthy(registry.current(proved));
  t.falsy(registry.current(evicted));
  const again = arrivals.lookUp(pskIdentityOf(evicted), waitUntil());
  answer(asked.length - 1);
  await again;
  t.truthy(registry.current(evicted));
});

test('an association that was proved and ended does not come back, nor a revoked one ever', async (t) => {
  const { arrivals, registry, answer, asked } = openAsking();
  for (const [isProved, reason] of [
    [true, 'superseded'],
    [true, 'revoked'],
    [false, 'revoked'],
  ] as const) {
    const bTid = someBTid();
    const known = arrivals.lookUp(pskIdentityOf(bTid), waitUntil());
    answer(asked.length - 1);
    await known;
    if (isProved) arrivals.proved(bTid);
    registry.close(bTid, reason);
    const before = asked.length;
    t.is(await codeOf(arrivals.lookUp(pskIdentityOf(bTid), waitUntil())), 'ERR_SA_UNKNOWN');
    t.is(asked.length, before);
  }
});
