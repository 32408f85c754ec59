/** Upa at the UE: where triggers come in, whatever carries them. */
import type { TriggerAddress } from '../codec/address.ts';
import type { TriggerListener, TriggerListenerOptions } from './upa.ts';
import { listenTcpTriggers } from './upa-tcp.ts';
import { listenUdpTriggers } from './upa-udp.ts';

/** @throws ConfigError ERR_CONFIG_ADDRESS when nothing can listen at that address. */
export function listenTriggers(options: TriggerListenerOptions): Promise<TriggerListener> {
  const listen = options.at.transport === 'tcp' ? listenTcpTriggers : listenUdpTriggers;
  return listen(options);
}

/** Listens at all of these addresses or at none. @throws ConfigError ERR_CONFIG_ADDRESS as `listenTriggers`. */
export async function listenEverywhere(
  addresses: readonly TriggerAddress[],
  options: Omit<TriggerListenerOptions, 'at'>,
): Promise<readonly TriggerListener[]> {
  const opened = await Promise.allSettled(
    addresses.map((at) => listenTriggers({ at, ...options })),
  );
  const listeners = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed === undefined) return listeners;
  await Promise.all(listeners.map((listener) => listener.close()));
  throw failed.reason;
}
