/** Upa at the UE: where triggers come in, whatever carries them. */
import type { TriggerListener, TriggerListenerOptions } from './upa.ts';
import { listenTcpTriggers } from './upa-tcp.ts';
import { listenUdpTriggers } from './upa-udp.ts';

/** @throws ConfigError ERR_CONFIG_ADDRESS when nothing can listen at that address. */
export function listenTriggers(options: TriggerListenerOptions): Promise<TriggerListener> {
  const listen = options.at.transport === 'tcp' ? listenTcpTriggers : listenUdpTriggers;
  return listen(options);
}
