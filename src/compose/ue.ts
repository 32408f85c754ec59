/** A UE in one call: its SIM out of a file, what it must not forget in a folder. */
import { join } from 'node:path';
import { DEFAULT_TRIGGER } from '../codec/address.ts';
import type { HandledLog } from '../ports.ts';
import { openFileStore } from '../store/file-store.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { openHandledLog } from '../store/handled-log.ts';
import { loadTlsPolicy } from '../store/policy.ts';
import { openSaFile } from '../store/sa-file.ts';
import { openStoreKey } from '../store/store-key.ts';
import { readUsim } from '../store/subscribers.ts';
import { defaultConnectPolicy, demoConnectPolicy } from '../ue/connect-policy.ts';
import type { PushHandler } from '../ue/push-handler.ts';
import { listenForPushes, type UeListener, type UeListenerOptions } from '../ue/listener.ts';
import { createUsim } from '../ue/usim.ts';
import { requireLoopback } from './demo-keys.ts';

/** What differs from one UE to the next; whatever is a port may be given too. */
export interface OpenUeOptions extends Partial<Omit<UeListenerOptions, 'usim'>> {
  /** A USIM file (docs/operations.md); a demo SIM serves on loopback only. */
  readonly usim: string;
  /** The folder for sequence numbers and handled ids, on a local disk, for one process at a time. */
  readonly state: string;
  /** Does what a push asks for. */
  readonly handler: PushHandler;
}

/**
 * Hears triggers at `udp://127.0.0.1:2948` unless told otherwise. A demo SIM connects to loopback only,
 * another to the addresses of the NAF's own name at port 5684, unless `connectPolicy` is given.
 * @throws ConfigError, StoreError; ERR_STORE_UNAVAILABLE while another process uses the folder.
 */
export async function openUe(options: OpenUeOptions): Promise<UeListener> {
  const { usim: file, state: folder, ...given } = options;
  const { demo, credentials } = readUsim(file);
  const listen = [given.listen ?? DEFAULT_TRIGGER].flat();
  if (demo) requireLoopback(listen, 'use a SIM of your own');
  const unlock = lockFolder(folder);
  try {
    const store = await openFileStore({ folder, name: 'usim' });
    return await listenForPushes({
      usim: createUsim({ credentials, store }),
      policy: loadTlsPolicy(),
      connectPolicy: demo ? demoConnectPolicy : defaultConnectPolicy,
      autsStore: store,
      saStore: openSaFile({ folder, storeKey: openStoreKey(join(folder, 'store.key')) }),
      ...given,
      listen,
      handledLog: closingWith(
        given.handledLog ?? openHandledLog(join(folder, 'handled.log')),
        unlock,
      ),
    });
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The log is the last thing that a listener closes. */
function closingWith(log: HandledLog, then: () => void): HandledLog {
  return {
    recovered: log.recovered,
    append: (...records) => {
      log.append(...records);
    },
    compact: (live) => {
      log.compact(live);
    },
    close() {
      log.close();
      then();
    },
  };
}
