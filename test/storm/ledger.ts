/** What was pushed, what the receipts say of it, what the handler did; and whether all that agrees. */

export interface NafLife {
  /** Lines that were written to its stdin. */
  readonly written: number;
  /** How it ended: by `kill -9`, by a drain, or not at all before all of its pushes had a receipt. */
  readonly end: 'killed' | 'drained' | 'settled';
  readonly receipts: readonly StormReceipt[];
}

export interface StormReceipt {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly via?: string;
}

/** The handler program began, and got to its end unless something ended it before. */
export interface Run {
  readonly id: string;
  readonly finished: boolean;
}

export interface Ledger {
  /** At least once: `ue-listen --redeliver`. */
  readonly redeliver: boolean;
  readonly nafs: readonly NafLife[];
  readonly runs: readonly Run[];
  /** How often the UE was killed. */
  readonly ueKills: number;
}

/** What a receipt of a push says that may have been handled although nobody told the NAF. */
const MAYBE = /may have handled it/;

/**
 * The property, one sentence for each push of which it does not hold:
 * - at most once, no id is handled twice; at least once, again only after a kill of the UE;
 * - `acked` is handled to the end, at most once exactly once; `interrupted` is begun at most once, and
 *   at least once it does not occur;
 * - any other dead push was not handled, unless its receipt says that it may have been;
 * - a NAF that was not killed gives one receipt for each line; one that was killed none twice.
 */
export function faultsOf({ redeliver, nafs, runs, ueKills }: Ledger): string[] {
  const begun = countBy(runs);
  const finished = countBy(runs.filter((run) => run.finished));
  const most = redeliver ? 1 + ueKills : 1;
  const faults = [...begun]
    .filter(([, times]) => times > most)
    .map(([id, times]) => `${id}: handled ${times} times`);
  const seen = new Set<string>();
  for (const { written, end, receipts } of nafs) {
    if (receipts.length > written) faults.push(`${receipts.length} receipts for ${written} lines`);
    if (end === 'settled' && receipts.length < written) {
      faults.push(`${written - receipts.length} of ${written} pushes have no outcome`);
    }
    for (const receipt of receipts) {
      const { id } = receipt;
      if (seen.has(id)) faults.push(`${id}: has two receipts`);
      seen.add(id);
      const fault = faultOf(receipt, redeliver, begun.get(id) ?? 0, finished.get(id) ?? 0);
      if (fault !== undefined) faults.push(`${id}: ${fault}`);
    }
    if (end === 'killed') continue;
    const odd = receipts.filter(({ state, reason }) => {
      return (
        state !== 'acked' && reason !== 'interrupted' && (end !== 'drained' || reason !== 'dropped')
      );
    });
    faults.push(...odd.map((receipt) => `no reason for ${JSON.stringify(receipt)}`));
  }
  return faults;
}

function faultOf(
  { state, reason, detail = '' }: StormReceipt,
  redeliver: boolean,
  begun: number,
  finished: number,
): string | undefined {
  if (state === 'acked')
    return finished > 0 ? undefined : `acked, and the handler ended ${finished} times`;
  if (reason === 'interrupted')
    return redeliver ? 'interrupted, although it may be handled again' : undefined;
  return begun === 0 || MAYBE.test(detail) ? undefined : `${reason ?? state}, and handled`;
}

function countBy(runs: readonly Run[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { id } of runs) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
