/**
 * What happens, as typed diagnostics channels: `gba:<thing>:<verb>`. Logs, metrics and the commands
 * subscribe; nothing that does the work knows them. No message holds a key, and a label made of one
 * must never hold an identity.
 */
import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel';

/** Each event and what it tells. Octets, keys and payloads are never in it. */
export interface EventTable {
  /** NAF: it accepts connections. */
  'gba:naf:listening': { address: string };
  /** NAF: the BSF gave a key and a GPI, or the key of a UE that came by itself. */
  'gba:bsf:answered': { impi: string; bTid: string; ms: number };
  /** NAF: the connection to a BSF elsewhere is open, or it is gone. */
  'gba:bsf:connected': { to: string };
  'gba:bsf:disconnected': { to: string; reason: string };
  /** BSF: a UE bootstrapped over Ub, or it did not; `code` says why, the answer on the wire says less. */
  'gba:ub:bootstrapped': { impi: string; bTid: string };
  'gba:ub:refused': { from: string; code: string; reason: string };
  /** UE: a key of a NAF by normal GBA, good for `lifetimeMs`; or none, and another attempt after `afterMs`. */
  'gba:bootstrap:succeeded': {
    bsf: string;
    nafFqdn: string;
    bTid: string;
    lifetimeMs: number;
    ms: number;
  };
  'gba:bootstrap:failed': {
    bsf: string;
    nafFqdn: string;
    code: string;
    reason: string;
    afterMs: number;
  };
  /** BSF: a NAF got what it asked for, or it did not. */
  'gba:nbsp:answered': { naf: string; operation: string };
  'gba:nbsp:refused': {
    naf: string;
    from: string;
    status: number;
    cause: string;
    reason: string;
  };
  /** NAF: an envelope left for the UE, the n-th time. */
  'gba:trigger:sent': { to: string; octets: number; attempt: number };
  /** NAF: the UE's address answered that nothing listens there. */
  'gba:trigger:unreachable': { to: string };
  /** NAF: the program that carries triggers did not take one. */
  'gba:trigger:failed': { to: string; reason: string };
  /** UE: a datagram came in. */
  'gba:trigger:received': { from: string; octets: number };
  /** UE: a trigger was not acted upon; nothing was sent about it. */
  'gba:trigger:refused': { from: string; code: string; reason: string };
  /** UE: the SIM answered and the GPI holds; the key is derived. */
  'gba:trigger:accepted': { bTid: string; nafFqdn: string; usimMs: number; totalMs: number };
  /** NAF: so many wakes in `ms` had no effect: the UE is out of reach, or has lost its state. A new key follows. */
  'gba:wake:failed': { impi: string; wakes: number; ms: number };
  /** UE: the NAF calls it under a key that it holds; it dials now. */
  'gba:wake:accepted': { bTid: string; nafFqdn: string };
  /** UE: the SIM found SQN out of step, and its AUTS went back to where the trigger came from. */
  'gba:auts:sent': { to: string };
  /** UE: it did not; `code` says why. NAF: an AUTS came that changes nothing. */
  'gba:auts:refused': { impi: string; code: string; reason: string };
  /** Either end: an association changed its state. */
  'gba:sa:announced': { bTid: string; impi: string };
  'gba:sa:established': { bTid: string; impi: string };
  'gba:sa:parked': { bTid: string; impi: string; reason: string };
  'gba:sa:closed': { bTid: string; impi: string; reason: string };
  /** Either end: what became of an association cannot be written down; it goes on meanwhile. */
  'gba:store:failed': { reason: string };
  /** NAF: a TCP connection came in. */
  'gba:tls:accepted': { remote: string };
  /** Either end: a handshake under the association's own key is complete, or one that took up its session. */
  'gba:tls:secured': {
    bTid: string;
    version: string;
    suite: string;
    remote: string;
    ms: number;
    resumed: boolean;
  };
  /** Either end: a handshake failed; `code` says why, the wire does not. */
  'gba:tls:refused': { remote: string; code: string; reason: string };
  /** UE: a connection attempt starts or has failed. */
  'gba:dial:started': { bTid: string; to: string };
  'gba:dial:failed': { bTid: string; to: string; code: string; reason: string };
  /** NAF: the UE said how it takes pushes; the layer is open. */
  'gba:layer:opened': {
    bTid: string;
    impi: string;
    via: 'bootstrap' | 'ue-initiated' | 'reconnect' | 'resume';
    ms: number;
  };
  /** NAF: the key of the layer ends soon; the UE is told to stay away for so long. */
  'gba:layer:released': { bTid: string; impi: string; holdOffSeconds: number };
  /** Either end: the layer is gone. */
  'gba:layer:closed': { bTid: string; reason: string };
  /** NAF: the GPI of a new key left inside an open layer, the n-th time. */
  'gba:renewal:offered': { impi: string; bTid: string; attempt: number };
  /** NAF: no new key came of it, yet. */
  'gba:renewal:failed': { impi: string; reason: string };
  /** NAF: the UE said "not now"; the push goes out again after `afterMs`. */
  'gba:push:postponed': { id: string; impi: string; afterMs: number };
  /** NAF: a push reached its last state. */
  'gba:push:settled': { id: string; impi: string; state: string; via: string | undefined };
  /** UE: a push was answered. */
  'gba:push:answered': { id: string; bTid: string; answer: string; handlerMs: number };
  /** UE: the record of handled pushes cannot be written; the push was told "not now". */
  'gba:push:failed': { id: string; reason: string };
}

/** The name of an event. */
export type EventName = keyof EventTable;

const names: Record<EventName, true> = {
  'gba:naf:listening': true,
  'gba:bsf:answered': true,
  'gba:bsf:connected': true,
  'gba:bsf:disconnected': true,
  'gba:ub:bootstrapped': true,
  'gba:ub:refused': true,
  'gba:bootstrap:succeeded': true,
  'gba:bootstrap:failed': true,
  'gba:nbsp:answered': true,
  'gba:nbsp:refused': true,
  'gba:trigger:sent': true,
  'gba:trigger:unreachable': true,
  'gba:trigger:failed': true,
  'gba:trigger:received': true,
  'gba:trigger:refused': true,
  'gba:trigger:accepted': true,
  'gba:wake:failed': true,
  'gba:wake:accepted': true,
  'gba:auts:sent': true,
  'gba:auts:refused': true,
  'gba:sa:announced': true,
  'gba:sa:established': true,
  'gba:sa:parked': true,
  'gba:sa:closed': true,
  'gba:store:failed': true,
  'gba:tls:accepted': true,
  'gba:tls:secured': true,
  'gba:tls:refused': true,
  'gba:dial:started': true,
  'gba:dial:failed': true,
  'gba:layer:opened': true,
  'gba:layer:released': true,
  'gba:layer:closed': true,
  'gba:renewal:offered': true,
  'gba:renewal:failed': true,
  'gba:push:postponed': true,
  'gba:push:settled': true,
  'gba:push:answered': true,
  'gba:push:failed': true,
};

/** All of them, in the order of docs/operations.md. */
export const eventNames = Object.keys(names) as EventName[];

const channels = new Map<EventName, DiagnosticsChannel>(
  eventNames.map((name) => [name, channel(name)]),
);

/** Tells whoever listens; costs a look-up when nobody does. */
export function publish<N extends EventName>(name: N, message: EventTable[N]): void {
  const found = channels.get(name);
  if (found?.hasSubscribers) found.publish(message);
}

/** True when somebody listens: for an event so frequent that making its message is worth avoiding. */
export function isWatched(name: EventName): boolean {
  return channels.get(name)?.hasSubscribers === true;
}

/** Calls `listener` for every event of that name, in this process, until the returned function is called. */
export function subscribe<N extends EventName>(
  name: N,
  listener: (message: EventTable[N]) => void,
): () => void {
  const onMessage = (message: unknown): void => {
    listener(message as EventTable[N]);
  };
  const found = channel(name);
  found.subscribe(onMessage);
  return () => {
    found.unsubscribe(onMessage);
  };
}
