/** What a UE is made of. */
import type { TriggerAddress } from '../codec/address.ts';
import type { Clock } from '../lib/clock.ts';
import type { RateLimitOptions } from '../lib/limits.ts';
import type { TlsPolicy, TlsVersion } from '../lib/suites.ts';
import type { AtomicStore, HandledLog, Usim } from '../ports.ts';
import type { SaStore } from '../sa/association.ts';
import type { Resumption } from '../sa/sessions.ts';
import type { ConnectPolicy } from './connect-policy.ts';
import type { PushHandler } from './push-handler.ts';
import type { GpiIntakeOptions } from './gpi-intake.ts';

/** What a UE is made of, and how it behaves. */
export interface UeListenerOptions {
  readonly usim: Usim;
  /** Where triggers come in, one way, several or none; port 0 lets the system choose. */
  readonly listen: TriggerAddress | readonly TriggerAddress[];
  readonly policy: TlsPolicy;
  readonly connectPolicy: ConnectPolicy;
  /** TLS versions that a NAF may bind a key to. Default 1.3 alone. */
  readonly versions?: readonly TlsVersion[];
  /** Default `off`. `sa-bound`: the newest TLS 1.2 session of an association is offered on its next dial; see `Resumption`. */
  readonly resumption?: Resumption;
  readonly handler: PushHandler;
  /** Where handled ids are kept, so that a restart handles nothing twice. */
  readonly handledLog: HandledLog;
  /** At least once instead of at most once: a push that a crash cut off is handled again. */
  readonly redeliver?: boolean;
  /** Where it is kept which AUTS this UE gave, so that it never gives two for one RAND; absent: it gives none. */
  readonly autsStore?: AtomicStore;
  /** Where associations outlive this process; absent: they end with it. It is closed with the UE. */
  readonly saStore?: SaStore;
  /** What the NAF is told of where triggers reach this UE; default where it listens first, unless that is any address. */
  readonly advertise?: TriggerAddress;
  /** See `GpiIntakeOptions` for these three and their defaults. */
  readonly pskIdentity?: GpiIntakeOptions['pskIdentity'];
  readonly pskKey?: GpiIntakeOptions['pskKey'];
  readonly triggerRate?: RateLimitOptions;
  /** Silence on a layer before it is probed, ms. Default 120,000. */
  readonly keepaliveMs?: number;
  /** Gets TLS key-log lines: whoever has them reads every push. Each message is then a TLS record of its own. */
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  readonly clock?: Clock;
}
