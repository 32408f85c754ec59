/** What bench/modes.ts and bench/sweep.ts share: kinds of association, and how each is brought up between three processes. */
import { createSecureContext } from 'node:tls';
import {
  loadTlsPolicy,
  type Endpoint,
  type TlsBinding,
  type TriggerAddress,
} from '../../src/index.ts';
import { startChild, type Child } from '../lib/child.ts';
import { openTcpRelay, openUdpRelay, type Passed, type Relay } from '../lib/relay.ts';

/** A UE of its own at a NAF of its own. */
export interface Kind {
  readonly name: string;
  readonly binding: TlsBinding;
  readonly groups: readonly string[];
  readonly resumption: 'off' | 'sa-bound';
  /** Where the NAF's keys are from: its own BSF, another process, or the UE, which went to that process over Ub. */
  readonly keys: 'inside' | 'elsewhere' | 'ub';
}

/** A push that found no layer, and what it took. Times are ms by the NAF's clock. */
export interface Opened {
  readonly via: string | undefined;
  /** From the push to its receipt. */
  readonly ms: number;
  /** From the UE's TCP connection to the receipt. */
  readonly fromConnectionMs: number;
  /** CPU of each end, us: of the NAF from the push on, of the UE from what it first heard or did. */
  readonly nafCpuUs: number;
  readonly ueCpuUs: number;
}

export interface Reused {
  readonly ms: readonly number[];
  /** Of all, us. */
  readonly nafCpuUs: number;
  readonly ueCpuUs: number;
}

/** Handshakes since the NAF began: those whose own lookup returned the key, and those that took up a session. */
export interface Handshakes {
  readonly full: number;
  readonly resumed: number;
}

export interface Pair {
  readonly kind: Kind;
  /** Over the open layer, one at a time. */
  reuse(count: number): Promise<Reused>;
  /** Ends the layer and keeps the key, then pushes. */
  reconnect(): Promise<Opened>;
  /** Ends the association, then pushes. */
  bootstrap(): Promise<Opened>;
  /** Ends the association; the UE then makes another over Ub, for which a push waits. `ms` is from when the UE began. */
  begin(): Promise<Opened>;
  handshakes(): Promise<Handshakes>;
  /** The wires, when there is a relay. */
  readonly wires: Wires | undefined;
}

/** All between one NAF, its UE and their BSF. */
export interface Wires {
  readonly layer: Relay;
  readonly triggers: Relay;
  readonly nbsp: Relay;
  readonly ub: Relay;
  delayBy(oneWayMs: number): void;
  /** Since the last layer had ended. */
  passed(): { readonly [wire in WireName]: Passed };
}
export type WireName = 'layer' | 'triggers' | 'nbsp' | 'ub';

export interface Place {
  readonly namespace?: string;
  readonly host: string;
}

export interface SceneOptions {
  readonly kinds: readonly Kind[];
  /** All traffic goes through relays in this process. */
  readonly relayed: boolean;
  /** Default: both on loopback. */
  readonly naf?: Place;
  readonly ue?: Place;
}

export interface Scene {
  readonly pairs: readonly Pair[];
  close(): Promise<void>;
}

export interface UeAt {
  readonly trigger: TriggerAddress;
}

const HERE: Place = { host: '127.0.0.1' };

/** NAFs in one process, UEs in another, the BSF in a third. */
export async function openScene({
  kinds,
  relayed,
  naf = HERE,
  ue = HERE,
}: SceneOptions): Promise<Scene> {
  const children = {
    naf: startChild('ways/modes-naf.ts', naf.namespace),
    ue: startChild('ways/modes-ue.ts', ue.namespace),
    bsf: startChild('ways/modes-bsf.ts', naf.namespace),
  };
  const relays: Relay[] = [];
  const bsf = await children.bsf.ask<BsfAt>('open', { kinds, host: naf.host });
  const pairs: Pair[] = [];
  for (const [n, kind] of kinds.entries()) {
    const wires = relayed ? await openWires(relays) : undefined;
    const order = { n, kind, host: ue.host, advertise: wires?.triggers.address };
    const { trigger } = await children.ue.ask<UeAt>('open', order);
    wires?.triggers.leadTo(trigger);
    wires?.nbsp.leadTo(bsf.nbsp);
    wires?.ub.leadTo(bsf.ub);
    const at = await children.naf.ask<Endpoint>('open', {
      ...{ n, kind, host: naf.host, advertise: wires?.layer.address },
      trigger: { ...trigger, ...wires?.triggers.address },
      bsf: wires?.nbsp.address ?? bsf.nbsp,
    });
    wires?.layer.leadTo(at);
    const connect = wires?.layer.address ?? at;
    pairs.push(pairOf(n, kind, children, wires, { connect, ub: wires?.ub.address ?? bsf.ub }));
  }
  return {
    pairs,
    async close() {
      await Promise.all(Object.values(children).map((child) => child.end()));
      await Promise.all(relays.map((relay) => relay.close()));
    },
  };
}

/** Where the BSF of the benchmark serves. */
export interface BsfAt {
  readonly nbsp: Endpoint;
  readonly ub: Endpoint;
}

async function openWires(relays: Relay[]): Promise<Wires> {
  const [layer, triggers] = [await openTcpRelay(), await openUdpRelay()];
  const [nbsp, ub] = [await openTcpRelay(), await openTcpRelay()];
  const all = { layer, triggers, nbsp, ub };
  relays.push(layer, triggers, nbsp, ub);
  return {
    ...all,
    delayBy(ms) {
      for (const relay of Object.values(all)) relay.delayBy(ms);
    },
    passed: () => ({
      layer: layer.passed(),
      triggers: triggers.passed(),
      nbsp: nbsp.passed(),
      ub: ub.passed(),
    }),
  };
}

function pairOf(
  n: number,
  kind: Kind,
  { naf, ue }: { readonly naf: Child; readonly ue: Child },
  wires: Wires | undefined,
  target: { readonly connect: Endpoint; readonly ub: Endpoint },
): Pair {
  const open = async (how: 'park' | 'revoke', begin: () => Promise<unknown>): Promise<Opened> => {
    await naf.ask('end', { n, how });
    wires?.passed();
    await ue.ask('settle', { n });
    const pushed = naf.ask<Omit<Opened, 'ueCpuUs'>>('open-by-push', { n });
    await begin();
    const opened = await pushed;
    return { ...opened, ueCpuUs: await ue.ask<number>('cpu-of-layer', { n }) };
  };
  return {
    kind,
    wires,
    async reuse(count) {
      const before = await ue.ask<number>('cpu');
      const reused = await naf.ask<Omit<Reused, 'ueCpuUs'>>('reuse', { n, count });
      return { ...reused, ueCpuUs: (await ue.ask<number>('cpu')) - before };
    },
    reconnect: () => open('park', () => Promise.resolve()),
    bootstrap: () => open('revoke', () => Promise.resolve()),
    async begin() {
      let startedAt = 0;
      const opened = await open('revoke', async () => {
        startedAt = await ue.ask<number>('begin', { n, ...target });
      });
      await ue.ask('stop', { n });
      const endedAt = await naf.ask<number>('settled-at', { n });
      return { ...opened, ms: endedAt - startedAt };
    },
    handshakes: () => naf.ask<Handshakes>('handshakes', { n }),
  };
}

const TLS13: TlsBinding = { version: '1.3' };

/** Of the suites of the policy, in its order. */
export const KINDS_12: readonly Kind[] = loadTlsPolicy().suites12.map((suite) => ({
  name: `1.2 ${suite}`,
  binding: { version: '1.2', suite },
  groups: ['X25519', 'P-256'],
  resumption: 'off',
  keys: 'inside',
}));
const base: Omit<Kind, 'name' | 'groups'> = { binding: TLS13, resumption: 'off', keys: 'inside' };
export const X25519: Kind = { ...base, name: '1.3 X25519', groups: ['X25519', 'P-256'] };
export const P256: Kind = { ...base, name: '1.3 P-256', groups: ['P-256'] };
export const HYBRID: Kind = {
  ...base,
  name: '1.3 X25519MLKEM768',
  groups: ['X25519MLKEM768', 'X25519', 'P-256'],
};
export const RESUMING: readonly Kind[] = KINDS_12.slice(0, 1).map((kind) => ({
  ...kind,
  name: `${kind.name}, sa-bound`,
  resumption: 'sa-bound',
}));
export const ELSEWHERE: Kind = { ...X25519, name: '1.3 X25519, BSF elsewhere', keys: 'elsewhere' };
export const OVER_UB: Kind = { ...X25519, name: '1.3 X25519, key over Ub', keys: 'ub' };

/** False on Node.js 20. */
export function hasHybrid(): boolean {
  try {
    createSecureContext({ ecdhCurve: 'X25519MLKEM768' });
    return true;
  } catch {
    return false;
  }
}
