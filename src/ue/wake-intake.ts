/** From a datagram of a stranger to a NAF that calls, in the order of docs/wire.md; nothing is answered. */
import { formatEndpoint, type Endpoint } from '../codec/address.ts';
import { decodeWake, verifyWake, WAKE_WINDOW, wakeHint } from '../codec/wake.ts';
import { GbaError, SaError } from '../errors.ts';
import type { BTid } from '../ids.ts';
import { toHex } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { publish } from '../lib/events.ts';
import { sha256Hex } from '../lib/hmac.ts';
import { sourceOf } from '../lib/ip.ts';
import { rateLimit, recentSet, type RateLimitOptions } from '../lib/limits.ts';
import { systemLookup, type Lookup } from '../net/network.ts';
import type { LiveSa } from '../sa/association.ts';
import type { SaRegistry } from '../sa/registry.ts';
import { resolveConnect, type ConnectPolicy } from './connect-policy.ts';

export interface WakeIntakeOptions {
  /** Holds K_wake and counter of each association. */
  readonly registry: SaRegistry;
  readonly clock: Clock;
  readonly policy: ConnectPolicy;
  /** Wakes per source: an IPv4 address or an IPv6 /64. By default 16 at once, then 2 per second. */
  readonly rate?: RateLimitOptions | undefined;
  /** By default the operating system's. */
  readonly lookup?: Lookup;
}

export interface WakeIntake {
  /** A layer is registered: its K_wake takes the place of the one before. It owns the key. */
  rekey(bTid: BTid, key: Uint8Array): void;
  /** The association is over. */
  forget(bTid: BTid): void;
  /**
   * Judges one wake. Resolves with the association that it calls, whose counter, and address if it names
   * one, are on disk then. Every refusal is the event `gba:trigger:refused` and `undefined`.
   */
  accept(octets: Uint8Array, from: Endpoint): Promise<BTid | undefined>;
}

/** A wake that may come: which one its hint names. */
interface Expected {
  readonly bTid: BTid;
  readonly counter: number;
  readonly hint: string;
}

export function createWakeIntake({
  registry,
  clock,
  policy,
  rate = { burst: 16, perSecond: 2, sources: 1_024 },
  lookup = systemLookup,
}: WakeIntakeOptions): WakeIntake {
  const accepted = recentSet(clock, { entries: WAKE_WINDOW, forMs: 600_000 });
  const perSource = rateLimit(clock, rate);
  const perNaf = rateLimit(clock, CALLS);
  /** By hint, of all associations; and the same by association, in order. */
  const expected = new Map<string, Expected>();
  const windows = new Map<BTid, Expected[]>();
  /** Whose window does not fit their K_wake: it is made when a wake comes, which is seldom. */
  const stale = new Set<BTid>(registry.all().map(({ bTid }) => bTid));

  const drop = (entries: readonly Expected[] = []): void => {
    for (const { hint } of entries) expected.delete(hint);
  };
  const extend = ({ bTid, wake }: LiveSa): void => {
    if (wake === undefined) return;
    const window = windows.get(bTid) ?? [];
    const from = window.at(-1)?.counter ?? wake.counter;
    const to = Math.min(wake.counter + WAKE_WINDOW, LAST_COUNTER);
    for (let counter = from + 1; counter <= to; counter += 1) {
      const entry = { bTid, counter, hint: toHex(wakeHint(wake.key, counter)) };
      window.push(entry);
      expected.set(entry.hint, entry);
    }
    windows.set(bTid, window);
  };
  const forget = (bTid: BTid): void => {
    drop(windows.get(bTid));
    windows.delete(bTid);
    stale.delete(bTid);
  };
  const find = (hint: string): { entry: Expected; sa: LiveSa; key: Uint8Array } => {
    for (const bTid of [...stale]) {
      forget(bTid);
      const sa = registry.current(bTid);
      if (sa) extend(sa);
    }
    const entry = expected.get(hint);
    const sa = entry && registry.current(entry.bTid);
    if (entry === undefined || sa?.wake === undefined) {
      throw new SaError('ERR_SA_UNKNOWN', 'this wake calls no association that is here');
    }
    return { entry, sa, key: sa.wake.key };
  };

  const judge = async (octets: Uint8Array, source: string): Promise<BTid> => {
    const wake = decodeWake(octets);
    const digest = sha256Hex(octets);
    if (accepted.has(digest)) throw duplicate();
    if (!perSource.take(source)) throw busy('too many wakes from this source');
    const hint = toHex(wake.hint);
    const { entry, sa, key } = find(hint);
    const { bTid, counter } = entry;
    verifyWake(wake, key);
    if (!perNaf.take(sa.nafFqdn)) throw busy(`${sa.nafFqdn} calls too often`);
    if (wake.connect) await resolveConnect(policy, sa.nafFqdn, wake.connect, lookup);
    // Meanwhile this very wake, a later one, or another K_wake may have come.
    if (expected.get(hint) !== entry || stale.has(bTid)) throw duplicate();
    registry.countWake(bTid, counter, wake.connect);
    accepted.add(digest);
    const window = windows.get(bTid) ?? [];
    drop(window.splice(0, window.indexOf(entry) + 1));
    const counted = registry.current(bTid);
    if (counted) extend(counted);
    publish('gba:wake:accepted', { bTid, nafFqdn: sa.nafFqdn });
    return bTid;
  };

  return {
    rekey(bTid, key) {
      registry.rekeyWake(bTid, key);
      stale.add(bTid);
    },
    forget,
    async accept(octets, from) {
      try {
        return await judge(octets, sourceOf(from.host));
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        const { code, message: reason } = error;
        publish('gba:trigger:refused', { from: formatEndpoint(from), code, reason });
        return undefined;
      }
    },
  };
}

function duplicate(): GbaError {
  return new GbaError('ERR_UPA_DUPLICATE', 'this wake, or a later one, came before');
}

function busy(rule: string): GbaError {
  return new GbaError('ERR_UPA_BUSY', rule, { retryable: true });
}

/** Each costs a dial: a NAF with a good key must not keep the device dialling. Ours calls three times in 15 s. */
const CALLS: RateLimitOptions = { burst: 6, perSecond: 0.2, sources: 1_024 };
const LAST_COUNTER = 0xffff_ffff;
