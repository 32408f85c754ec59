/**
 * A NAF, a BSF and a UE on clocks that a test moves, an hour apart; all of it real but the sockets: a layer
 * is a pair of streams, opened only for an association that both ends hold, and a trigger is a call.
 * Either end can be started anew with what its stores kept.
 */
import { duplexPair, type Duplex } from 'node:stream';
import { createBsf } from '../../src/bsf/bsf.ts';
import type { Urgency } from '../../src/codec/push.ts';
import { BsfError, ChannelError } from '../../src/errors.ts';
import { parsePushId, pskIdentityOf } from '../../src/ids.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { TlsVersion } from '../../src/lib/suites.ts';
import { Devices } from '../../src/naf/devices.ts';
import { entryOf, type Receipt } from '../../src/naf/entry.ts';
import type { PushServerOptions } from '../../src/naf/push-server-options.ts';
import type { SecuredSocket } from '../../src/net/secured-socket.ts';
import type { HandledLog, HandledRecord, TriggerSender } from '../../src/ports.ts';
import type { SaRecord } from '../../src/sa/association.ts';
import { demoConnectPolicy } from '../../src/ue/connect-policy.ts';
import { NotNow, type Push } from '../../src/ue/push-handler.ts';
import { UeListener } from '../../src/ue/listener.ts';
import { impi, nafFqdn } from './ladder.ts';
import { manualClock } from './manual-clock.ts';
import { memorySaStore } from './sa-store.ts';
import { createSim } from './sim.ts';
import { policy } from './tls.ts';

/** One run of the UE's handler. */
export interface Run {
  readonly id: string;
  /** `cut`: the UE was closed meanwhile. */
  state: 'running' | 'done' | 'refused' | 'not-now' | 'cut';
  readonly end: (how: 'done' | 'refused' | 'not-now') => void;
}

export interface WorldOptions {
  readonly lifetimeSeconds?: number;
  readonly renew?: PushServerOptions['renew'];
}

export function createWorld({ lifetimeSeconds = 5, renew = 'always' }: WorldOptions = {}) {
  const sim = createSim(impi);
  const clocks = { naf: manualClock(), ue: manualClock(Date.UTC(2026, 0, 1) - 3_600_000) };
  const saRecords = { naf: new Map<string, SaRecord>(), ue: new Map<string, SaRecord>() };
  const handledRecords: HandledRecord[] = [];
  /** Which the UE accepts keys for. */
  const versions: TlsVersion[] = ['1.3'];
  /** What is the matter with the world. */
  const faults = {
    bsfAway: false,
    noDial: false,
    get ueRefuses() {
      return versions.length === 0;
    },
    set ueRefuses(refuses: boolean) {
      versions.splice(0, versions.length, ...(refuses ? [] : (['1.3'] as const)));
    },
  };
  const receipts = new Map<string, Receipt[]>();
  const runs: Run[] = [];
  const pairs = new Set<readonly [Duplex, Duplex]>();
  let pushed = 0;

  const bsf = createBsf({ hss: sim.hss, clock: clocks.naf, policy: policy.keyLifetime });
  const openNaf = () => {
    const end = new AbortController();
    const devices = new Devices({
      bsf: {
        ...bsf,
        pushInfo: (request, signal) =>
          faults.bsfAway
            ? Promise.reject(new BsfError('ERR_BSF_UNREACHABLE', 'away', { retryable: true }))
            : bsf.pushInfo(request, signal),
      },
      triggers: triggersTo((envelope) => ue.receive(envelope, '127.0.0.1'), clocks.naf),
      policy,
      nafFqdn,
      clock: clocks.naf,
      lifetimeSeconds,
      renew,
      saStore: memorySaStore(saRecords.naf),
      triggerAddress: () => ({ transport: 'udp', host: '127.0.0.1', port: 9 }),
      patience: { reconnectMs: 500, triggerMs: 3_000 },
      address: () => ({ host: '127.0.0.1', port: 5684 }),
      ended: end.signal,
    });
    return { devices, end };
  };

  const dial = ({ sa }: { readonly sa: SecuredSocket['sa'] }): Promise<SecuredSocket> => {
    const found = naf.devices.registry.find(pskIdentityOf(sa.bTid));
    const agreed = found !== undefined && Buffer.compare(found.key, sa.key) === 0;
    if (faults.noDial || naf.end.signal.aborted || !agreed) {
      return Promise.reject(new ChannelError('ERR_CHANNEL_REFUSED', 'not now'));
    }
    const pair = duplexPair();
    pairs.add(pair);
    const [near, far] = pair.map((socket) => secured(socket));
    if (near === undefined || far === undefined) throw new Error('a pair has two ends');
    naf.devices.accept({ ...far, sa: found });
    return Promise.resolve({ ...near, sa });
  };

  const handler = (push: Push): Promise<void> =>
    new Promise((resolve, reject) => {
      const run: Run = {
        id: push.id,
        state: 'running',
        end(how) {
          if (run.state !== 'running') return;
          run.state = how;
          if (how === 'done') resolve();
          else reject(how === 'not-now' ? new NotNow(NOT_NOW_MS) : new Error('no'));
        },
      };
      runs.push(run);
    });

  const openUe = () =>
    new UeListener(
      {
        usim: sim.usim,
        listen: [],
        policy,
        versions,
        connectPolicy: demoConnectPolicy,
        handler,
        handledLog: logOf(handledRecords),
        saStore: memorySaStore(saRecords.ue),
        triggerRate: { burst: 1_000, perSecond: 1_000, sources: 1 },
        clock: clocks.ue,
      },
      dial,
    );

  let naf = openNaf();
  let ue = openUe();

  /** Lets everything happen that needs no time. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 24; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const cut = (): void => {
    for (const pair of pairs) for (const end of pair) end.destroy();
    pairs.clear();
  };

  /** In steps, so that both ends keep up with each other. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      clocks.naf.advance(step);
      clocks.ue.advance(step);
      await settle();
    }
  };
  const running = (): Run[] => runs.filter(({ state }) => state === 'running');
  /** Lets handlers finish, and time pass, until something is over. */
  const finish = async (over: Promise<unknown>): Promise<void> => {
    let isOver = false;
    void over.then(() => (isOver = true));
    await settle();
    for (let turn = 0; turn < 200 && !isOver; turn += 1) {
      for (const run of running()) run.end('done');
      await pass(STEP_MS);
    }
    if (!isOver) throw new Error('it does not end');
  };

  return {
    sim,
    clocks,
    faults,
    receipts,
    runs,
    cut,
    settle,
    pass,
    running,
    get associations() {
      return naf.devices.registry.of(impi);
    },
    /** Hands the NAF a push; its id. */
    push(urgency: Urgency = 'normal'): string {
      const acceptedAt = clocks.naf.monotonic();
      const id = `push-${(pushed += 1)}`;
      const settled: Receipt[] = [];
      receipts.set(id, settled);
      const push = {
        id: parsePushId(id),
        urgency,
        ttlSeconds: 3_600,
        seq: pushed,
        contentFormat: 42,
        payload: Buffer.from(id),
      };
      const settle = (receipt: Receipt) => settled.push(receipt);
      naf.devices.of(impi).enqueue(entryOf(push, acceptedAt, settle));
      return id;
    },
    /** Ends the NAF at once, or when what is out has its outcome, and starts another; what waits is told so. */
    async restartNaf({ politely = false } = {}) {
      const ended = new ChannelError('ERR_CHANNEL_CLOSED', 'the NAF was closed');
      naf.end.abort(ended);
      naf.devices.stop();
      const { layers, registry } = naf.devices;
      if (politely) {
        await finish(Promise.all(layers.map((layer) => layer.settled())));
        await finish(Promise.all(layers.map((layer) => layer.drain())));
      }
      registry.suspendAll();
      for (const layer of layers) layer.close();
      cut();
      await settle();
      naf.devices.drop(ended);
      naf = openNaf();
      await settle();
    },
    /** Ends the UE at once, or when its handlers have finished, and starts another. */
    async restartUe({ politely = false } = {}) {
      const over = politely ? ue.drain() : ue.close();
      if (politely) await finish(over);
      cut();
      await over;
      for (const run of runs) if (run.state === 'running') run.state = 'cut';
      ue = openUe();
      await settle();
    },
    async close() {
      naf.end.abort(new ChannelError('ERR_CHANNEL_CLOSED', 'the test is over'));
      naf.devices.stop();
      naf.devices.registry.suspendAll();
      const closing = ue.close();
      cut();
      await closing;
    },
  };
}

export type World = ReturnType<typeof createWorld>;

function secured(socket: Duplex): Omit<SecuredSocket, 'sa'> {
  // What a TLS socket has beyond a stream.
  const tls = Object.assign(socket, { exportKeyingMaterial: () => Buffer.alloc(32, 7) });
  socket.on('error', () => undefined);
  return {
    socket: tls as unknown as SecuredSocket['socket'],
    handshakeMs: 0,
    remote: '127.0.0.1:5684',
    resumed: false,
  };
}

/** Sends each envelope once a second. */
function triggersTo(receive: (envelope: Uint8Array) => Promise<void>, clock: Clock): TriggerSender {
  return {
    send({ envelope }, signal) {
      let sent = 0;
      return new Promise((resolve) => {
        let timer = clock.after(0, function again() {
          sent += 1;
          void receive(envelope);
          timer = clock.after(1_000, again);
        });
        signal.addEventListener('abort', () => {
          timer.cancel();
          resolve(sent);
        });
      });
    },
    close: () => Promise.resolve(),
  };
}

function logOf(records: HandledRecord[]): HandledLog {
  let closed = false;
  return {
    recovered: [...records],
    append(more) {
      if (!closed) records.push(...more);
    },
    compact(live) {
      if (!closed) records.splice(0, records.length, ...live);
    },
    close() {
      closed = true;
    },
  };
}

const STEP_MS = 100;
/** What a handler that says "not now" asks for. */
const NOT_NOW_MS = 3_000;
