/** The places where a lab puts its own SIM, HSS, BSF, store or carrier. Types only. */
import type { TriggerAddress } from './codec/address.ts';
import type { Fqdn, Impi, NafId, PTid, UaSecurityProtocolId } from './ids.ts';

/** GBA_ME: the keys are derived on the ME; GBA_U: on the UICC, which keeps Ks (TS 33.220 clause 5). */
export type GbaType = 'GBA_ME' | 'GBA_U';

/** What one AKA run gives, for an algorithm's own sizes (TS 33.102 6.3). */
export interface AuthenticationVector {
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** 16 octets: (SQN xor AK) || AMF || MAC-A. */
  readonly autn: Uint8Array;
  /** 4 to 16 octets. */
  readonly xres: Uint8Array;
  /** 16 octets. */
  readonly ck: Uint8Array;
  /** 16 octets. */
  readonly ik: Uint8Array;
  /** What the subscriber's card can do, as the HSS tells the BSF with the vector. Default GBA_ME. */
  readonly uiccType?: GbaType | undefined;
}

/** Where vectors come from. K and OPc stay behind it. */
export interface Hss {
  /**
   * A fresh vector; its SQN is used once and never again, over any number of crashes and processes.
   * `use` chooses the half of the IND values: push 16-31, Ub 0-15.
   * @throws BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError.
   */
  vector(impi: Impi, use: 'push' | 'ub'): Promise<AuthenticationVector>;
  /**
   * Sets SQN_HE by the SIM's AUTS (TS 33.102 6.3.5). Nothing changes unless MAC-S verifies.
   * @throws AkaError ERR_AKA_MAC_FAILURE, BsfError ERR_BSF_UNKNOWN_SUBSCRIBER, StoreError.
   */
  resynchronise(impi: Impi, rand: Uint8Array, auts: Uint8Array): Promise<void>;
}

/** The BSF as a NAF sees it: in process, or over Nbsp_GBA (TS 29.309). */
export interface Bsf {
  /** The BSF's own name when it is not the one that TS 23.003 16.2 gives for the IMPI. */
  readonly fqdn?: Fqdn;
  /** GBA Push (Zpn). @throws BsfError, StoreError, AkaError ERR_AKA_MAC_FAILURE for an AUTS that is not the SIM's. */
  pushInfo(request: PushInfoRequest, signal?: AbortSignal): Promise<PushInfo>;
  /** Normal GBA (Zn): the key of a B-TID that a UE bootstrapped. @throws BsfError. */
  bootstrapInfo(request: BootstrapInfoRequest, signal?: AbortSignal): Promise<BootstrapInfo>;
}

/** What a NAF asks for when it wants to push (Zpn, TS 29.309; TS 29.109 5.5). */
export interface PushInfoRequest {
  readonly impi: Impi;
  readonly nafFqdn: Fqdn;
  readonly uaId: UaSecurityProtocolId;
  readonly pTid: PTid;
  /** Where the keys shall be derived; undefined: on the card when it can, else on the ME. */
  readonly uiccOrMe?: GbaType;
  /** Epoch ms at which the NAF would like the key to end; the BSF may shorten it. */
  readonly requestedExpiresAt: number;
  /** What the SIM said to an earlier vector: SQN is set by it first (TS 33.102 6.3.5, TS 29.309). */
  readonly resync?: { readonly rand: Uint8Array; readonly auts: Uint8Array };
}

/** What the BSF gives for it. */
export interface PushInfo {
  /** Ks_NAF, or Ks_ext_NAF in GBA_U: 32 octets. The caller owns it and wipes it. */
  readonly ksNaf: Uint8Array;
  /** Ks_int_NAF, in GBA_U only: 32 octets. The caller owns it and wipes it. */
  readonly ksIntNaf?: Uint8Array;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** The sealed GBA-PUSH-INFO, profile gpi-1, at most 120 octets for the names that docs/wire.md lists. */
  readonly gpi: Uint8Array;
}

/** What a NAF asks for when a UE has named a B-TID (Zn, TS 29.109 4). */
export interface BootstrapInfoRequest {
  readonly bTid: string;
  readonly nafFqdn: Fqdn;
  readonly uaId: UaSecurityProtocolId;
}

/** What the BSF gives for it. */
export interface BootstrapInfo {
  /** Ks_NAF, or Ks_ext_NAF in GBA_U: 32 octets. The caller owns it and wipes it. */
  readonly ksNaf: Uint8Array;
  /** Ks_int_NAF, in GBA_U only: 32 octets. The caller owns it and wipes it. */
  readonly ksIntNaf?: Uint8Array | undefined;
  /** Epoch ms at which the UE bootstrapped, when the BSF tells. */
  readonly createdAt?: number | undefined;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** Undefined for a NAF that may not learn it. */
  readonly impi?: Impi | undefined;
}

/** What an AKA run leaves behind for key derivation: Ks on the ME, or a UICC that keeps it to itself. */
export interface NafKeySource {
  /** RES, 4 to 16 octets, by which a UE proves itself over Ub; absent where a SIM does not give it. Wiped with the rest. */
  readonly res?: Uint8Array | undefined;
  /** Ks_NAF of one NAF_Id, Ks_ext_NAF in GBA_U: 32 octets (TS 33.220 B.3). The caller owns it and wipes it. */
  derive(nafId: NafId): Promise<Uint8Array>;
  /** Ks_int_NAF, in GBA_U and from a UICC in software only: a card keeps it. The caller owns it and wipes it. */
  deriveInternal?(nafId: NafId): Promise<Uint8Array>;
  /** Ends it: nothing can be derived afterwards. */
  wipe(): void;
}

/** The SIM as the device uses it. */
export interface Usim {
  readonly impi: Impi;
  /** What the card can do. Default GBA_ME. */
  readonly uiccType?: GbaType | undefined;
  /**
   * AUTHENTICATE in a GBA context, by default of GBA_ME. `rand` and `autn` are 16 octets each; in GBA_U it is AUTN*. The SQN
   * that it accepts is on disk before the promise resolves, so no restart lets the same AUTN in again.
   * @throws AkaError ERR_AKA_MAC_FAILURE, SyncFailure, StoreError.
   */
  authenticate(rand: Uint8Array, autn: Uint8Array, type?: GbaType): Promise<NafKeySource>;
}

/** Small state under a key, changed in one step by any number of processes. */
export interface AtomicStore {
  /**
   * Reads, changes and commits in one transaction: no other process sees or makes a change between.
   * `change` is synchronous; when it throws, nothing is written and the promise rejects with that error.
   * What is committed survives `kill -9`.
   * @throws StoreError ERR_STORE_UNAVAILABLE.
   */
  update<T>(key: string, change: (stored: Uint8Array | undefined) => AtomicChange<T>): Promise<T>;
  /** Frees what it holds; an update under way ends first. */
  close(): Promise<void>;
}

/** What one transaction does and tells. */
export interface AtomicChange<T> {
  /** The new value; undefined leaves the stored one as it is. */
  readonly value: Uint8Array | undefined;
  readonly result: T;
}

/** An envelope on its way to a UE. */
export interface Trigger {
  readonly impi: Impi;
  readonly envelope: Uint8Array;
  /** UE_Trp; undefined when nobody knows it, which a carrier that goes by subscriber does not mind. */
  readonly to: TriggerAddress | undefined;
  /** Gets what the UE sends back over the same carrier: octets of a stranger, to be read by `decodeAuts`. */
  readonly onAnswer?: (octets: Uint8Array) => void;
}

/** A carrier of Upa towards the UE. */
export interface TriggerSender {
  /** True when it finds a UE by its IMPI, so that it needs no `to`. Default false. */
  readonly bySubscriber?: boolean;
  /**
   * Sends one envelope, again and again with backoff, until `signal` aborts or the schedule is over.
   * Resolves then with how many times it was sent; it never throws for a silent or absent UE.
   * @throws GbaError ERR_UPA_ADDRESS when the address cannot be resolved, ExecError when a program that
   * carries triggers did not take it.
   */
  send(trigger: Trigger, signal: AbortSignal): Promise<number>;
  /** Ends every sending that is under way. */
  close(): Promise<void>;
}

/** One line of the UE's record of what it handled. */
export interface HandledRecord {
  /** `<NAF FQDN>/<push id>`. */
  readonly key: string;
  /** SHA-256 of the payload, base64url: 43 characters. Text, because a million of them are kept. */
  readonly digest: string;
  /** `started` without a later record means that a crash cut the handler off. */
  readonly state: 'started' | 'done' | 'refused' | 'forgotten';
  /** Epoch ms until which the id must be remembered. */
  readonly until: number;
}

/** Where the handled set lives, so that a restart does not handle a push twice. */
export interface HandledLog {
  /** What was recorded before, oldest first; a later record of a key replaces an earlier one. */
  readonly recovered: readonly HandledRecord[];
  /** On disk (against `kill -9`) when it returns. @throws StoreError. */
  append(records: Iterable<HandledRecord>): void;
  /** Replaces the log by these records, in one step. @throws StoreError. */
  compact(live: Iterable<HandledRecord>): void;
  /** Frees what it holds; again has no effect. */
  close(): void;
}
