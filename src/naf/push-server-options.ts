/** What a NAF is made of. */
import type { Endpoint, TriggerAddress } from '../codec/address.ts';
import type { Urgency } from '../codec/push.ts';
import type { Fqdn, Impi } from '../ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { TlsBinding, TlsPolicy } from '../lib/suites.ts';
import type { Bsf, GbaType, TriggerSender } from '../ports.ts';
import type { SaStore } from '../sa/association.ts';
import type { Resumption } from '../sa/sessions.ts';
import type { RenewWhen } from './renewal.ts';
import type { Patience } from './search.ts';

/** What a NAF is made of, and how it behaves. */
export interface PushServerOptions {
  readonly bsf: Bsf;
  readonly triggers: TriggerSender;
  readonly policy: TlsPolicy;
  readonly nafFqdn: Fqdn;
  /** Where to listen for UEs; port 0 lets the system choose. */
  readonly listen: Endpoint;
  /**
   * Where UEs shall connect, when that is not where this listens, e.g. behind a relay. Without it, a NAF
   * on `0.0.0.0` or `::` is looked for at the address of its name, port 5684.
   */
  readonly advertise?: Endpoint;
  /** What new associations are bound to. Default TLS 1.3. */
  readonly binding?: TlsBinding;
  /** Default `off`. `sa-bound` shortens TLS 1.2 handshakes of UEs that do the same; see `Resumption`. */
  readonly resumption?: Resumption;
  /** Default and limit: the policy's. */
  readonly lifetimeSeconds?: number;
  /** Where new keys shall be derived. Default: on the card when it has GBA_U, else on the ME. */
  readonly uiccOrMe?: GbaType;
  /** Where associations outlive this process; absent: they end with it. It is closed with the NAF. */
  readonly saStore?: SaStore;
  /** UE_Trp of a subscriber; undefined: wait for the UE to dial. */
  readonly triggerAddress?: (impi: Impi) => TriggerAddress | undefined;
  readonly patience?: Partial<Patience>;
  /** False: no trigger is sent; a push waits for a UE that holds the key of an announced association. */
  readonly bootstrap?: boolean;
  /**
   * Which open layers get a new key before theirs ends; the others end with it, and the next push goes by
   * bootstrap. Default `always`: a layer is there to be open when a push comes, and it costs one vector
   * per UE and lifetime.
   */
  readonly renew?: RenewWhen;
  /**
   * True: a UE may also come by a key that it made for itself over Ub. The BSF is asked for it while its
   * handshake waits, and must tell this NAF whose it is. Default false: no handshake waits for anybody.
   */
  readonly acceptBootstrapped?: boolean;
  /** Pushes that may wait for one UE. Default 100,000. */
  readonly queueLimit?: number;
  /** Silence on a layer before it is probed, ms. Default 30,000. */
  readonly keepaliveMs?: number;
  /** Gets TLS key-log lines: whoever has them reads every push. Each message is then a TLS record of its own. */
  readonly dangerouslyLogKeys?: (line: Buffer) => void;
  readonly clock?: Clock;
}

/** How one push is to be treated. */
export interface PushOptions {
  /** Seconds for which the push is of use; 0: over an open layer now or never. Default 86,400. */
  readonly ttlSeconds?: number;
  /** Default `normal`. */
  readonly urgency?: Urgency;
  /** CoAP Content-Format number. Default 42, application/octet-stream. */
  readonly contentFormat?: number;
}
