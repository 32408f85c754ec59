/** Which associations of a NAF stay. A NAF may be several processes of one name, each waiting for its own. */
import type { LiveSa } from '../sa/association.ts';

/** Associations of one NAF without an open layer; more than that, and the oldest that is idle makes room. */
const MAX_UNPROVED = 16;

/** What an association whose layer has just opened replaces: the older ones, unless they are still new. */
export function supersededBy(sa: LiveSa, all: readonly LiveSa[]): readonly LiveSa[] {
  return siblings(sa, all).older.filter(({ state }) => state !== 'announced');
}

/** What a new association that this UE began replaces at once: those it began before and no NAF ever proved. */
export function begunInVain(
  sa: LiveSa,
  all: readonly LiveSa[],
  isProved: (sa: LiveSa) => boolean,
): readonly LiveSa[] {
  if (sa.pTid !== undefined) return [];
  return siblings(sa, all).older.filter((older) => older.pTid === undefined && !isProved(older));
}

/** True when its layer is gone and a younger one serves. */
export function isOutdated(sa: LiveSa, all: readonly LiveSa[]): boolean {
  return siblings(sa, all).younger.some(({ state }) => state === 'established');
}

/** What makes room for a new association; never one whose layer is being opened. */
export function crowdedOut(
  sa: LiveSa,
  all: readonly LiveSa[],
  isDialling: (sa: LiveSa) => boolean,
): readonly LiveSa[] {
  const unproved = siblings(sa, all).older.filter(({ state }) => state !== 'established');
  const excess = Math.max(0, unproved.length + 1 - MAX_UNPROVED);
  return unproved.filter((older) => !isDialling(older)).slice(0, excess);
}

/** The others of its NAF. `all` is oldest first. */
function siblings({ nafFqdn, bTid }: LiveSa, all: readonly LiveSa[]) {
  const ofNaf = all.filter((sa) => sa.nafFqdn === nafFqdn);
  const at = ofNaf.findIndex((sa) => sa.bTid === bTid);
  return { older: ofNaf.slice(0, Math.max(0, at)), younger: ofNaf.slice(at + 1) };
}
