/** The BSF as a service: Nbsp_GBA for NAFs, Ub for UEs, one core behind both (TS 29.309, TS 24.109). */
import type { Endpoint } from '../codec/address.ts';
import type { Fqdn } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { RateLimitOptions } from '../lib/limits.ts';
import type { TlsPolicy } from '../lib/suites.ts';
import type { Http2Address } from '../net/http2-address.ts';
import type { Bsf, Hss } from '../ports.ts';
import type { NafRecord } from '../store/nafs.ts';
import { createBsf } from './bsf.ts';
import { listenNbsp } from './nbsp-server.ts';
import { createNbsp } from './nbsp.ts';
import { createSessions } from './sessions.ts';
import { listenUb } from './ub-server.ts';
import { createUb } from './ub.ts';

/** What a BSF is made of, and where it serves whom. */
export interface ListenBsfOptions {
  /** Where vectors come from. It stays open when the server closes. */
  readonly hss: Hss;
  readonly clock: Clock;
  /** TLS towards NAFs, and how long keys live. */
  readonly policy: TlsPolicy;
  /** Whom it serves over Nbsp_GBA, and what each may have. Nobody when absent. */
  readonly nafs?: readonly NafRecord[];
  /** Where NAFs ask. Nowhere when absent. */
  readonly listen?: readonly Http2Address[];
  /** Where UEs bootstrap, port 0 for a free one. Nowhere when absent. */
  readonly ub?: Endpoint;
  /** The BSF's own name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
  /** Challenges over Ub per source: an IPv4 address, an IPv6 /64. By default 16 at once, then 1 per second. */
  readonly ubRate?: RateLimitOptions;
}

/** A BSF that serves. */
export interface BsfServer {
  /** The same core without HTTP, for a NAF in this process. */
  readonly core: Bsf;
  /** Where it really listens for NAFs, in the order that was asked for. */
  readonly nbsp: readonly Http2Address[];
  /** Where it really listens for UEs. */
  readonly ub: Endpoint | undefined;
  /** Resolves when it no longer listens and every connection is over. */
  readonly closed: Promise<void>;
  /** Takes no more requests, answers those that are here, then closes; NAFs have 3 seconds at most. */
  drain(): Promise<void>;
  /** Ends at once, and wipes every session of Ub. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Listens everywhere or nowhere. @throws ConfigError ERR_CONFIG_ADDRESS when it cannot. */
export async function listenBsf(options: ListenBsfOptions): Promise<BsfServer> {
  const { hss, clock, policy, fqdn, nafs = [], listen = [], ub: ubAddress, ubRate } = options;
  const sessions = createSessions(clock);
  const named = fqdn !== undefined && { fqdn };
  const core = createBsf({ hss, clock, policy: policy.keyLifetime, sessions, ...named });
  const nbsp = createNbsp({ bsf: core, clock });
  const servers: Listening[] = [];
  let ended = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const end = (how: 'drain' | 'close') => async (): Promise<void> => {
    await Promise.all(servers.map((server) => server[how]()));
    sessions.close();
    ended();
  };
  const close = end('close');
  try {
    const nbspAt: Http2Address[] = [];
    for (const address of listen) {
      const server = await listenNbsp({ nbsp, nafs, address, policy, clock });
      servers.push(server);
      nbspAt.push(server.address);
    }
    const rate = ubRate && { rate: ubRate };
    const bootstrapping = { hss, sessions, clock, policy: policy.keyLifetime, ...named, ...rate };
    const ub = ubAddress && (await listenUb(createUb(bootstrapping), ubAddress));
    if (ub) servers.push(ub);
    return {
      core,
      nbsp: nbspAt,
      ub: ub?.address,
      closed,
      drain: end('drain'),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Listening {
  drain(): Promise<void>;
  close(): Promise<void>;
}
