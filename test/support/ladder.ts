/** A NAF and a UE in one process, over real sockets on loopback, with a SIM and an HSS in memory. */
import type { ExecutionContext } from 'ava';
import { createBsf } from '../../src/bsf/bsf.ts';
import { parseFqdn, parseImpi } from '../../src/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Receipt } from '../../src/naf/entry.ts';
import {
  listenPushServer,
  type PushOptions,
  type PushServer,
  type PushServerOptions,
} from '../../src/naf/push-server.ts';
import { createTriggerSender } from '../../src/net/upa-sender.ts';
import { openMemoryHandledLog } from '../../src/store/handled-log.ts';
import type { Hss, Usim } from '../../src/ports.ts';
import { demoConnectPolicy } from '../../src/ue/connect-policy.ts';
import type { Push, PushHandler } from '../../src/ue/push-handler.ts';
import { listenForPushes, type UeListener, type UeListenerOptions } from '../../src/ue/listener.ts';
import { createSim, type Sim } from './sim.ts';
import { policy } from './tls.ts';

export const impi = parseImpi('001010000000001@ims.mnc001.mcc001.3gppnetwork.org');
export const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');

export interface Ladder {
  readonly naf: PushServer;
  readonly ue: UeListener;
  readonly sim: Sim;
  /** What the handler has seen, in order. */
  readonly handled: readonly Push[];
  /** Pushes a text to the one UE. */
  readonly push: (text: string, options?: PushOptions) => Promise<Receipt>;
}

export interface LadderOptions {
  readonly handler?: PushHandler;
  readonly naf?: Partial<PushServerOptions>;
  readonly ue?: Partial<UeListenerOptions>;
}

/** Both ends, closed at the end of the test. Nothing is pushed yet, so no layer is open. */
export async function openLadder(
  t: ExecutionContext,
  options: LadderOptions = {},
): Promise<Ladder> {
  const sim = createSim(impi);
  const handled: Push[] = [];
  const handler: PushHandler = (push) => {
    handled.push(push);
    return options.handler?.(push);
  };
  const ue = await openUe(t, sim, handler, options.ue);
  const naf = await openNaf(t, sim, { triggerAddress: () => ue.address, ...options.naf });
  const push: Ladder['push'] = (text, how) => naf.push(impi, Buffer.from(text), how);
  return { naf, ue, sim, handled, push };
}

export async function openNaf(
  t: ExecutionContext,
  { hss }: { readonly hss: Hss },
  options: Partial<PushServerOptions> = {},
): Promise<PushServer> {
  const naf = await listenPushServer({
    bsf: createBsf({ hss, clock: options.clock ?? systemClock, policy: policy.keyLifetime }),
    triggers: createTriggerSender({ clock: systemClock, schedule: () => 200 }),
    policy,
    nafFqdn,
    listen: { host: '127.0.0.1', port: 0 },
    ...options,
  });
  t.teardown(() => naf.close());
  return naf;
}

export async function openUe(
  t: ExecutionContext,
  { usim }: { readonly usim: Usim },
  handler: PushHandler,
  options: Partial<UeListenerOptions> = {},
): Promise<UeListener> {
  const ue = await listenForPushes({
    usim,
    listen: { transport: 'udp', host: '127.0.0.1', port: 0 },
    policy,
    connectPolicy: demoConnectPolicy,
    handler,
    handledLog: openMemoryHandledLog(),
    ...options,
  });
  t.teardown(() => ue.close());
  return ue;
}

/** A promise and the function that settles it. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
