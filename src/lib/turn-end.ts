/** The end of a turn of the event loop, once for all who wait for it: an immediate of Node's for each costs as much as a message. */

/** What it does then must not throw: others come after it. */
export interface TurnEnd {
  endTurn(): void;
}

/** Calls `endTurn` once, when this turn has read everything; in the order of coming. */
export function atTurnEnd(waiting: TurnEnd): void {
  if (all.length === 0) setImmediate(end);
  all.push(waiting);
}

function end(): void {
  const now = all;
  all = [];
  for (const each of now) each.endTurn();
}

let all: TurnEnd[] = [];
