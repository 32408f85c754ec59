/** Our ends of a cell: a NAF with its BSF, and a UE with its USIM, with the policy of the package. */
import type { ExecutionContext } from 'ava';
import { ChannelError } from '../../../src/errors.ts';
import {
  createBsf,
  createHss,
  createTriggerSender,
  createUsim,
  demoConnectPolicy,
  listenPushServer,
  loadTlsPolicy,
  openMemoryHandledLog,
  openMemoryStore,
  parseFqdn,
  readSubscribers,
  readUsim,
  systemClock,
  type Endpoint,
  type LiveSa,
  type PushHandler,
  type PushServer,
  type TlsPolicy,
} from '../../../src/index.ts';
import { isTls12Suite } from '../../../src/lib/suites.ts';
import type { dialPsk } from '../../../src/net/psk-client.ts';
import { packageFile } from '../../../src/store/policy.ts';
import { UeListener } from '../../../src/ue/listener.ts';
import { bindingOf, type Cell } from './cells.ts';
import { isCurve, type Peer } from './peer.ts';

/** Whom it is for. */
export interface Parties {
  readonly peer: Peer;
  readonly cell: Cell;
}

const policy = loadTlsPolicy();
const { subscribers } = readSubscribers(packageFile('certs-none/demo-subscribers.json'));
const { credentials } = readUsim(packageFile('certs-none/demo-usim.json'));
const nafFqdn = parseFqdn('naf.mnc001.mcc001.pub.3gppnetwork.org');
export const { impi } = credentials;

/** A new association as a UE has it that does not dial; with a key that is text where it must be. */
export async function openedByUsim(
  t: ExecutionContext,
  given: Parties,
  naf: PushServer,
): Promise<LiveSa> {
  for (;;) {
    const { envelope } = await naf.announce(impi);
    const sa = await new Promise<LiveSa>((resolve) => {
      const dial: typeof dialPsk = (options) => {
        resolve({ ...options.sa, key: Uint8Array.from(options.sa.key) });
        return Promise.reject(new ChannelError('ERR_CHANNEL_UNREACHABLE', 'the peer dials'));
      };
      void openUe(t, given, dial, () => undefined).receive(envelope, '127.0.0.1');
    });
    if (given.peer.keyIsText !== true || isText(sa.key)) return sa;
  }
}

function isText(key: Uint8Array): boolean {
  return !key.includes(0) && key.at(-1) !== 0x0a;
}

export function openUe(
  t: ExecutionContext,
  given: Parties,
  dial: typeof dialPsk,
  handler: PushHandler,
): UeListener {
  const ue = new UeListener(
    {
      usim: createUsim({ credentials, store: openMemoryStore() }),
      listen: [],
      policy: policyFor(given),
      connectPolicy: demoConnectPolicy,
      versions: ['1.3', '1.2'],
      handler,
      handledLog: openMemoryHandledLog(),
    },
    dial,
  );
  t.teardown(() => ue.close());
  return ue;
}

export async function openNaf(
  t: ExecutionContext,
  given: Parties,
  advertise?: Endpoint,
): Promise<PushServer> {
  const own = policyFor(given);
  const hss = createHss({ subscribers, store: openMemoryStore() });
  const naf = await listenPushServer({
    bsf: createBsf({ hss, clock: systemClock, policy: own.keyLifetime }),
    triggers: createTriggerSender({ clock: systemClock }),
    policy: own,
    binding: bindingOf(given.cell),
    nafFqdn,
    listen: { host: '127.0.0.1', port: 0 },
    bootstrap: false,
    ...(advertise && { advertise }),
  });
  t.teardown(() => naf.close());
  return naf;
}

/**
 * The policy of the package; before its groups the hybrid one where the cell is about that. For a peer
 * that cannot be told what to choose it has nothing else.
 */
function policyFor({ peer, cell }: Parties): TlsPolicy {
  const { suite, group } = cell;
  const groups = [...(group === 'X25519MLKEM768' ? [group] : []), ...policy.groups];
  if (peer.choosy !== false || !isTls12Suite(suite)) return { ...policy, groups };
  return { ...policy, groups: isCurve(group) ? [group] : groups, suites12: [suite] };
}
