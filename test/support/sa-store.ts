/** Associations in memory that outlive their registry: one map, one store for each life. */
import type { SaRecord, SaStore } from '../../src/sa/association.ts';

export function memorySaStore(records: Map<string, SaRecord>): SaStore {
  return {
    recover: () => Array.from(records.values(), (record) => structuredClone(record)),
    put: (record) => void records.set(record.bTid, structuredClone(record)),
    delete: (bTid) => void records.delete(bTid),
    close: () => undefined,
  };
}
