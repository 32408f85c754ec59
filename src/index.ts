/** The public door of gba-push: everything that a program of your own needs, and nothing else. */

export { listenPushServer } from './naf/push-server.ts';
export type { PushOptions, PushServer, PushServerOptions } from './naf/push-server.ts';
export type { Announcement } from './naf/announcer.ts';
export type { Patience } from './naf/search.ts';
export type { DeadReason, Receipt, StageTimes, Via } from './naf/entry.ts';

export { listenForPushes } from './ue/listener.ts';
export type { UeListener, UeListenerOptions } from './ue/listener.ts';
export { NotNow } from './ue/delivery.ts';
export type { Push, PushHandler } from './ue/delivery.ts';
export {
  defaultConnectPolicy,
  demoConnectPolicy,
  parseConnectPolicy,
} from './ue/connect-policy.ts';
export type { ConnectPolicy, ConnectRule } from './ue/connect-policy.ts';

export { createBsf } from './bsf/bsf.ts';
export type { BsfOptions } from './bsf/bsf.ts';
export { createHss } from './bsf/hss.ts';
export { createUsim } from './ue/usim.ts';
export type * from './ports.ts';
export type { Endpoint, TriggerAddress } from './codec/address.ts';

export { readSubscribers, readUsim } from './store/subscribers.ts';
export type { SubscriberRecord, UsimCredentials } from './store/subscribers.ts';
export { loadTlsPolicy } from './store/policy.ts';
export { openFileStore } from './store/file-store.ts';
export { openMemoryStore } from './store/memory.ts';
export { openHandledLog, openMemoryHandledLog } from './store/handled-log.ts';
export { createTriggerSender } from './net/upa-sender.ts';
export { openKeyLog } from './net/keylog.ts';

export * from './ids.ts';
export { URGENCIES } from './codec/push.ts';
export type { PushMessage, Urgency } from './codec/push.ts';
export { SUITES } from './lib/suites.ts';
export type { SuiteName, TlsBinding, TlsPolicy, TlsVersion } from './lib/suites.ts';
export type { RateLimitOptions } from './lib/limits.ts';
export { systemClock } from './lib/clock.ts';
export type { Clock, Timer } from './lib/clock.ts';
export { eventNames, subscribe } from './lib/events.ts';
export type { EventName, EventTable } from './lib/events.ts';
export * as errors from './errors.ts';
