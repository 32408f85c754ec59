/** The door of `gba-push/async-psk`: keys for `node:tls` pre-shared keys that have to be fetched. */

export { createPskGate } from './gate.ts';
export type { GateLimits, PskGate, PskGateOptions } from './gate.ts';
export type { FoundKey, PskLookup, PskRequest } from './lookup.ts';
export type { Endpoint } from '../codec/address.ts';
export type { TlsVersion } from '../lib/suites.ts';
export type { Clock, Timer } from '../lib/clock.ts';
export { GbaError, type GbaErrorCode } from '../errors.ts';
