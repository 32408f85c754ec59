/** The tests of one peer: every cell of its rows of the matrix. */
import type { ExecutionContext } from 'ava';
import { SUITES } from '../../../src/lib/suites.ts';
import { testWith } from '../../support/peers.ts';
import { cellsOf, titleOf, type Cell } from './cells.ts';
import type { Peer, Reason } from './peer.ts';
import { peers } from './peers.ts';
import { run, runAlone } from './trial.ts';

/** Declares a test for each cell of the peer. */
export function testPeer(name: string): void {
  const peer = peers.find((other) => other.name === name);
  if (peer === undefined) throw new TypeError(`no peer is called ${name}`);
  const test = testWith(`${peer.from} (${name})`, () => peer.version() !== undefined);
  for (const cell of cellsOf(peer)) {
    const reason = peer.cannot(cell);
    test(titleOf(cell), (t) => (reason ? cannot(t, peer, cell, reason) : works(t, peer, cell)));
  }
}

/** With the key of the GPI a push goes through; with another one there is no layer. */
async function works(t: ExecutionContext, peer: Peer, cell: Cell): Promise<void> {
  const wrong = await run(t, { peer, cell, wrongKey: true });
  t.is(wrong.secured, undefined, 'a wrong key opened a layer');
  const refusal = cell.role === 'server' ? peer.refusal?.(cell) : undefined;
  t.is(wrong.refused, refusal ?? 'ERR_CHANNEL_REFUSED', wrong.said);
  t.is(wrong.agreed.identity, wrong.identity);
  const right = await run(t, { peer, cell });
  t.is(right.refused, undefined, right.said);
  const { version, code } = SUITES[cell.suite];
  t.like(right.secured, { version: `TLSv${version}`, suite: cell.suite, resumed: false });
  const { identity } = right;
  t.like(right.agreed, { suite: code, group: cell.group, identity });
  t.regex(
    identity,
    /^3GPP-bootstrapping;[A-Za-z0-9+/]{22}==@bsf\.mnc001\.mcc001\.pub\.3gppnetwork\.org$/,
  );
  for (const told of right.tells) t.regex(right.said, told);
}

/** No push goes through, and the peer shows that this is its own doing. */
async function cannot(
  t: ExecutionContext,
  peer: Peer,
  cell: Cell,
  { why, says, offersNo }: Reason,
): Promise<void> {
  const awaits = says && { awaits: says };
  const { said, refused, agreed } = await run(t, { peer, cell, ...awaits });
  t.not(refused, undefined, `it works now, so take the reason away: ${why}`);
  const { tls13, suites } = agreed.offered;
  if (offersNo) t.true(suites.length > 0);
  if (offersNo === 'version') t.false(tls13);
  if (offersNo === 'suite') t.false(suites.includes(SUITES[cell.suite].code));
  if (says === undefined) return;
  t.regex(said, says);
  const alone = await runAlone(t, { peer, cell, ...awaits });
  if (alone !== undefined) t.regex(alone, says);
}
