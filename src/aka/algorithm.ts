/** What a SIM and its operator compute alike: f1 to f5* of AKA (TS 33.102 6.3, Annex B). */

/** One K and operator constant, ready to use. Octets in, new octets out; arguments are not changed. */
export interface AkaAlgorithm {
  /** MAC-A over 16 octets RAND, 6 octets SQN, 2 octets AMF. 8 octets with Milenage. */
  f1(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array;
  /** MAC-S: the same inputs and size, for re-synchronisation. */
  f1star(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array;
  /** RES, CK, IK and AK for 16 octets RAND. The caller owns and wipes them. */
  f2345(rand: Uint8Array): AkaResponse;
  /** AK for re-synchronisation: 6 octets. */
  f5star(rand: Uint8Array): Uint8Array;
}

export interface AkaResponse {
  /** 8 octets with Milenage. */
  readonly res: Uint8Array;
  /** 16 octets with Milenage. */
  readonly ck: Uint8Array;
  /** 16 octets with Milenage. */
  readonly ik: Uint8Array;
  /** 6 octets. */
  readonly ak: Uint8Array;
}
