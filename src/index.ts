/** The public door of gba-push: everything that a program of your own needs, and nothing else. */

export { openNaf } from './compose/naf.ts';
export type { NafWithBsf, NafWithSubscribers, OpenNafOptions } from './compose/naf.ts';
export { openBsf } from './compose/bsf.ts';
export type { OpenBsfOptions } from './compose/bsf.ts';
export { openUe } from './compose/ue.ts';
export type { OpenUeOptions } from './compose/ue.ts';

export { listenPushServer } from './naf/push-server.ts';
export type { PushOptions, PushServer, PushServerOptions } from './naf/push-server.ts';
export type { Announcement } from './naf/announcer.ts';
export type { Patience } from './naf/search.ts';
export type { RenewWhen } from './naf/renewal.ts';
export type { DeadReason, PushState, Receipt, StageTimes, Via } from './naf/entry.ts';

export { listenForPushes } from './ue/listener.ts';
export type { UeListener, UeListenerOptions } from './ue/listener.ts';
export type { BootstrapTarget } from './ue/bootstrap.ts';
export { parseBsfUrl } from './ue/ub-client.ts';
export { NotNow } from './ue/push-handler.ts';
export type { Push, PushHandler } from './ue/push-handler.ts';
export {
  defaultConnectPolicy,
  demoConnectPolicy,
  parseConnectPolicy,
} from './ue/connect-policy.ts';
export type { ConnectPolicy, ConnectRule } from './ue/connect-policy.ts';

export { createBsf } from './bsf/bsf.ts';
export type { BsfOptions } from './bsf/bsf.ts';
export { listenBsf } from './bsf/bsf-server.ts';
export type { BsfServer, ListenBsfOptions } from './bsf/bsf-server.ts';
export { createSessions } from './bsf/sessions.ts';
export type { BootstrapSession, BootstrapSessions, SessionLimits } from './bsf/sessions.ts';
export { createUb } from './bsf/ub.ts';
export type { Ub, UbAnswer, UbOptions, UbRequest } from './bsf/ub.ts';
export { listenUb } from './bsf/ub-server.ts';
export type { UbServer } from './bsf/ub-server.ts';
export { createNbsp } from './bsf/nbsp.ts';
export type { Nbsp, NbspAnswer, NbspOptions } from './bsf/nbsp.ts';
export { listenNbsp } from './bsf/nbsp-server.ts';
export type { ListenNbspOptions } from './bsf/nbsp-server.ts';
export type { InvalidParam, NbspOperation, ProblemDetails } from './codec/nbsp.ts';
export { openRemoteBsf } from './naf/remote-bsf.ts';
export type { RemoteBsf, RemoteBsfOptions } from './naf/remote-bsf.ts';
export type { BsfLinkOptions } from './naf/bsf-link.ts';
export { formatHttp2Address, parseHttp2Address } from './net/http2-address.ts';
export type { Http2Address } from './net/http2-address.ts';
export type { PreSharedKey } from './net/http2-client.ts';
export type { Http2Server } from './net/http2-server.ts';
export { readNafs } from './store/nafs.ts';
export type { NafOperation, NafProof, NafRecord } from './store/nafs.ts';
export { readNafSecret } from './store/naf-secret.ts';
export { createHss } from './bsf/hss.ts';
export type { HssOptions } from './bsf/hss.ts';
export { createUsim } from './ue/usim.ts';
export type { UsimOptions } from './ue/usim.ts';
export type * from './ports.ts';
export type { Endpoint, TriggerAddress } from './codec/address.ts';

export { readSubscribers, readUsim } from './store/subscribers.ts';
export type {
  SubscriberRecord,
  SubscribersFile,
  UsimCredentials,
  UsimFile,
} from './store/subscribers.ts';
export type { AkaCredentials } from './aka/credentials.ts';
export type { MilenageKeys } from './aka/milenage.ts';
export type { TuakOptions, TuakSizes } from './aka/tuak.ts';
export { loadTlsPolicy } from './store/policy.ts';
export { openFileStore } from './store/file-store.ts';
export type { FileStoreOptions } from './store/file-store.ts';
export { openMemoryStore } from './store/memory.ts';
export { openHandledLog, openMemoryHandledLog } from './store/handled-log.ts';
export { createTriggerSender } from './net/upa-sender.ts';
export type { ResendSchedule, TriggerSenderOptions } from './net/upa-sender.ts';
export { createExecHss } from './exec/hss.ts';
export { openExecUsim } from './exec/usim.ts';
export { createExecTriggerSender } from './exec/trigger.ts';
export type { ExecTriggerOptions } from './exec/trigger.ts';
export { parseCommand } from './exec/program.ts';
export type { ProgramOptions } from './exec/program.ts';
export { createPushSmsReceiver, encodePushSms } from './codec/sms-push.ts';
export type { MediaTypeOptions, PushSmsOptions, PushSmsReceiver } from './codec/sms-push.ts';
export type { ModemPdu } from './codec/sms.ts';
export type { WspName } from './codec/wap-push.ts';
export { openKeyLog } from './net/keylog.ts';
export type { KeyLog } from './net/keylog.ts';
export type { Network } from './net/network.ts';
export type {
  Announced,
  Established,
  LiveSa,
  Parked,
  SaKeys,
  SaRecord,
  SaStore,
  SaTerms,
  SaWake,
} from './sa/association.ts';
export type { EndedLog, EndedRecord } from './sa/ended.ts';
export type { Resumption } from './sa/sessions.ts';
export { openSaFile } from './store/sa-file.ts';
export type { SaFileOptions } from './store/sa-file.ts';
export { openStoreKey } from './store/store-key.ts';

export * from './ids.ts';
export { URGENCIES } from './codec/push.ts';
export type { PushMessage, Urgency } from './codec/push.ts';
export { SUITES } from './lib/suites.ts';
export type {
  SuiteName,
  Tls12Suite,
  Tls13Suite,
  TlsBinding,
  TlsPolicy,
  TlsVersion,
} from './lib/suites.ts';
export type { RateLimitOptions } from './lib/limits.ts';
export { systemClock } from './lib/clock.ts';
export type { Clock, Timer } from './lib/clock.ts';
export { eventNames, subscribe } from './lib/events.ts';
export type { EventName, EventTable } from './lib/events.ts';
export * as errors from './errors.ts';
