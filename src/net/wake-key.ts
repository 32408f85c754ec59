/** K_wake of a layer: what both of its ends, and nobody else, export from their TLS connection (docs/wire.md). */
import type { TLSSocket } from 'node:tls';
import { WAKE_KEY_LABEL, WAKE_KEY_OCTETS } from '../codec/wake.ts';
import { EMPTY, view } from '../lib/bytes.ts';

/** 32 octets, owned by the caller; undefined when the connection is gone already. */
export function exportWakeKey(socket: TLSSocket): Uint8Array | undefined {
  if (socket.destroyed) return undefined;
  return socket.exportKeyingMaterial(WAKE_KEY_OCTETS, WAKE_KEY_LABEL, view(EMPTY));
}
