/** Which associations have ended, on disk: one line each, with no key in it. */
import { StoreError } from '../errors.ts';
import type { BTid } from '../ids.ts';
import type { EndedLog, EndedRecord } from '../sa/ended.ts';
import { openLineLog, readLines, type LineLog } from './line-log.ts';

const LINE = /^(\d{1,15}) (\S{1,400})$/;

/** The file is made, 0600, when there is something to write. Its `read` also throws ERR_STORE_CORRUPT, for a line that is no record. */
export function openEndedLog(file: string): EndedLog {
  let log: LineLog | undefined;
  let closed = false;
  const opened = (): LineLog => {
    if (closed) throw new StoreError('ERR_STORE_UNAVAILABLE', `cannot use ${file}: it is closed`);
    return (log ??= openLineLog(file, readLines(file).octets));
  };
  return {
    read: () => readLines(file).lines.map((line, i) => parseRecord(line, `${file}:${i + 1}`)),
    append(record) {
      opened().append(formatRecord(record));
    },
    replace(records) {
      opened().replace(records.map(formatRecord).join(''));
    },
    close() {
      closed = true;
      log?.close();
    },
  };
}

function parseRecord(line: string, where: string): EndedRecord {
  const [, endedAt, bTid] = LINE.exec(line) ?? [];
  if (bTid !== undefined) return { bTid: bTid as BTid, endedAt: Number(endedAt) };
  throw new StoreError(
    'ERR_STORE_CORRUPT',
    `${where} is no record of an association that has ended: move the file away to start afresh ` +
      '(devices whose keys were revoked may then come back with them)',
  );
}

function formatRecord({ bTid, endedAt }: EndedRecord): string {
  return `${Math.ceil(endedAt)} ${bTid}\n`;
}
