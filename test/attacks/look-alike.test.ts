/**
 * Attacks with a stopwatch: a stranger names one identity after the other, with keys that are wrong, and
 * learns from the alert and from its time which exist, or which key was revoked. Attacker and NAF are one
 * process here, so that even what the NAF does after its alert would show.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import anyTest, { type ExecutionContext } from 'ava';
import { bTidOf, parseFqdn, pskIdentityOf } from '../../src/ids.ts';
import type { TlsBinding } from '../../src/lib/suites.ts';
import type { Announced, LiveSa } from '../../src/sa/association.ts';
import { SaRegistry } from '../../src/sa/registry.ts';
import { manualClock } from '../support/manual-clock.ts';
import { makeSa, startNaf, TLS13, until } from '../support/tls.ts';
import { differences, type Kinds } from './look-alike.ts';
import { startNaive } from './naive.ts';
import { timeRefusal } from './stopwatch.ts';

const test = anyTest.serial;
const TLS12: TlsBinding = { version: '1.2', suite: 'PSK-AES128-GCM-SHA256' };
/** Of each kind that is or was there, so that no single one stays in a cache. */
const MANY = 50;

for (const binding of [TLS13, TLS12]) {
  const { version } = binding;

  test(`a stopwatch tells which identities a NAF knows that walks its devices, TLS ${version}`, async (t) => {
    const sas = Array.from({ length: 1_000 }, () => makeSa({ binding }));
    const port = await startWalking(t, sas);
    const live = sas.slice(0, MANY).map(nameOf);
    const found = await differences({
      wrong: () => timeRefusal(port, version, anyOf(live)),
      unknown: () => timeRefusal(port, version, unknown()),
    });
    t.is(found.length, 1);
    t.regex(found[0] ?? '', /^wrong and unknown: \d+ and \d+ us/);
  });

  test(`an alert tells which identities a naive NAF knows, TLS ${version}`, async (t) => {
    const sa = makeSa({ binding });
    const { port } = await startNaive(t, [sa]);
    const found = await differences({
      wrong: () => timeRefusal(port, version, nameOf(sa)),
      unknown: () => timeRefusal(port, version, unknown()),
    });
    t.regex(found[0] ?? '', /^wrong and unknown: alerts \d+ and \d+$/);
  });

  test(`wrong, revoked, expired and unknown keys look alike to a stopwatch, TLS ${version}: ours holds`, async (t) => {
    const { kinds, codes } = await startOurNaf(t, binding);
    t.deepEqual(await differences(kinds), []);
    for (const [name, attempt] of Object.entries(kinds)) {
      const told = codes.length;
      await attempt();
      t.is(codes.length, told + 1);
      t.is(codes.at(-1), EVENTS[name]);
    }
  });
}

/** What the event says, and only the event. */
const EVENTS: Readonly<Record<string, string>> = {
  wrong: 'ERR_CHANNEL_REFUSED',
  revoked: 'ERR_SA_REVOKED',
  expired: 'ERR_SA_EXPIRED',
  unknown: 'ERR_SA_UNKNOWN',
};

interface OurNaf {
  readonly kinds: Kinds;
  /** Of the events so far. */
  readonly codes: readonly string[];
}

async function startOurNaf(t: ExecutionContext, binding: TlsBinding): Promise<OurNaf> {
  const clock = manualClock(Date.now());
  const registry = new SaRegistry({ clock });
  const add = (lifetimeMs: number): Announced[] =>
    Array.from({ length: MANY }, () =>
      registry.add(makeSa({ binding, expiresAt: clock.now() + lifetimeMs }) as Announced),
    );
  const [live, expiring, revoked] = [add(3_600_000), add(1_000), add(3_600_000)];
  const names = [live, revoked, expiring].map((sas) => sas.map(nameOf)) as [
    string[],
    string[],
    string[],
  ];
  for (const { bTid } of revoked) registry.close(bTid, 'revoked');
  clock.advance(1_000);
  t.is(registry.size, MANY);
  const codes: string[] = [];
  const { server, port, refusals } = await startNaf(t, [], {
    find: (identity) => registry.find(identity),
    faultOf: (identity) => registry.faultOf(identity),
  });
  t.teardown(() => {
    registry.closeAll('revoked');
  });
  /** One attempt, over when the NAF has told of it. */
  const attempt = (identity: () => string) => async () => {
    const refusal = await timeRefusal(port, binding.version, identity());
    await until(() => server.pendingHandshakes === 0 && refusals.length > codes.length);
    codes.push(...refusals.slice(codes.length).map(({ code }) => code));
    return refusal;
  };
  const [wrong, past, late] = names;
  return {
    codes,
    kinds: {
      wrong: attempt(() => anyOf(wrong)),
      revoked: attempt(() => anyOf(past)),
      expired: attempt(() => anyOf(late)),
      unknown: attempt(unknown),
    },
  };
}

/** Has read that a key must be given in any case, and gives one; but it walks its devices until one fits. */
async function startWalking(t: ExecutionContext, sas: readonly LiveSa[]): Promise<number> {
  const devices = sas.map(({ bTid, key }) => ({ rand: bTid.split('@')[0] ?? '', key }));
  const server = createServer({
    ciphers: 'TLS_AES_128_GCM_SHA256:PSK-AES128-GCM-SHA256',
    pskIdentityHint: '3GPP-bootstrapping',
    pskCallback: (_socket, identity) => {
      const rand = Buffer.from(identity.split(/[;@]/)[1] ?? '', 'base64');
      const device = devices.find((one) => Buffer.from(one.rand, 'base64').equals(rand));
      return device?.key ?? randomBytes(32);
    },
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

function nameOf({ bTid }: LiveSa): string {
  return pskIdentityOf(bTid);
}

function anyOf(names: readonly string[]): string {
  return names[Math.floor(Math.random() * names.length)] ?? '';
}

/** The name of an association that nobody ever had. */
function unknown(): string {
  return pskIdentityOf(bTidOf(randomBytes(16), parseFqdn('bsf.example.org')));
}
