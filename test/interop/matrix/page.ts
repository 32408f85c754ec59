/** docs/interop.md: what a run showed, cell by cell. */
import { columns, cellsOf, type Cell, type Terms } from './cells.ts';
import type { Other } from './others.ts';
import { is13, type Peer } from './peer.ts';

/** What became of a cell; `not run` where the peer was not there. */
export type Mark = 'works' | 'cannot' | 'failed' | 'not run';

export interface Found {
  readonly peers: readonly Peer[];
  readonly others: readonly Other[];
  readonly markOf: (cell: Cell) => Mark;
  readonly isProved: (other: Other) => boolean;
  /** The machine, e.g. `Debian GNU/Linux 12 (bookworm), Node.js 20.20.2 with OpenSSL 3.0.19`. */
  readonly machine: string;
  /** Groups of columns that our own ends have not with this runtime. */
  readonly lacks: readonly string[];
}

export function renderPage(found: Found): string {
  return [
    ...INTRODUCTION,
    `This run: ${found.machine}.`,
    '',
    '## TLS 1.3',
    '',
    ...renderTable(found, is13),
    '',
    '## TLS 1.2',
    '',
    ...renderTable(found, (terms) => !is13(terms)),
    '',
    '## Why not',
    '',
    'In each of these cells a test shows that the reason lies in the peer: it says so itself, also when both ends are',
    'that peer and nothing of ours is there, or its hello has nothing that could be chosen. If it should work one day, the test fails.',
    '',
    ...reasonsOf(found.peers).map((why, i) => `${i + 1}. ${why}.`),
    '',
    ...found.lacks.flatMap((group) => [
      `Our own ends of this run have not ${group} either (it takes Node.js 22 or later), so its columns show what the peers lack and nothing of ours.`,
      '',
    ]),
    '## The peers',
    '',
    '| peer | Debian package | version | how it gets its key |',
    '| --- | --- | --- | --- |',
    ...found.peers.map(
      ({ name, from, version, keyBy }) =>
        `| ${name} | \`${from}\` | ${version() ?? 'not there'} | ${keyBy} |`,
    ),
    '',
    '## Other peers',
    '',
    '| peer | version | what it proves | |',
    '| --- | --- | --- | --- |',
    ...found.others.map((other) => {
      const { name, version, proves, file } = other;
      const mark = found.isProved(other) ? 'yes' : 'NO';
      return `| ${name} | ${version() ?? 'not there'} | ${proves} (\`test/${file}\`) | ${mark} |`;
    }),
    '',
  ].join('\n');
}

/** The rows of the columns that `belongs` lets through; the same for every run that shows the same. */
export function renderTable(
  { peers, markOf }: Pick<Found, 'peers' | 'markOf'>,
  belongs: (terms: Terms) => boolean,
): string[] {
  const shown = columns.filter(belongs);
  const reasons = reasonsOf(peers);
  const rows = peers.flatMap((peer) =>
    (['client', 'server'] as const).flatMap((role) => {
      const cells = cellsOf(peer).filter((cell) => cell.role === role && belongs(cell));
      if (cells.length === 0) return [];
      const ends = role === 'client' ? `${peer.name} → our NAF` : `our UE → ${peer.name}`;
      const marks = cells.map((cell) => {
        const mark = markOf(cell);
        const why = peer.cannot(cell)?.why;
        return mark === 'cannot' && why ? `no (${reasons.indexOf(why) + 1})` : WORDS[mark];
      });
      return [`| ${[ends, ...marks].join(' | ')} |`];
    }),
  );
  return [
    `| client → server | ${shown.map(headOf).join(' | ')} |`,
    `| --- | ${shown.map(() => '---').join(' | ')} |`,
    ...rows,
  ];
}

function headOf({ suite, group }: Terms): string {
  const name = suite.replace(/^TLS_|_SHA256$/g, '').replaceAll('_', '-');
  return group === 'none' ? name : `${name} ${group}`;
}

/** Why cells cannot work, in the order of the tables, each once; a cell has the number of its own. */
export function reasonsOf(peers: readonly Peer[]): string[] {
  const all = [true, false].flatMap((of13) =>
    peers.flatMap((peer) =>
      cellsOf(peer)
        .filter((cell) => is13(cell) === of13)
        .flatMap((cell) => peer.cannot(cell)?.why ?? []),
    ),
  );
  return [...new Set(all)];
}

const WORDS: Readonly<Record<Mark, string>> = {
  works: 'yes',
  cannot: 'no',
  failed: '**FAILED**',
  'not run': 'not run',
};
const INTRODUCTION = [
  '# Interop',
  '',
  'Made by `npm run interop`; do not edit. TLS stacks and tools that nobody here wrote, against our NAF and our UE, under',
  'every suite and group of the [TLS policy](../certs-none/README.md#policyjson), either way round.',
  '',
  'A **yes** is a test that does all of this, with real processes and sockets:',
  '',
  '- The BSF seals a GPI, a USIM opens it, and each end of TLS has the Ks_NAF that it got that way: a client the key of the UE, a server that of the NAF.',
  '- Our end has the policy of the package; the peer is held to the one suite and group of the cell.',
  '- A push goes through the layer and is confirmed. A client registers by Observe; a server is dialled by the whole UE, whose handler runs. (`gnutls-serv` can only echo, so there a line goes out and comes back.)',
  '- Suite, group and PSK identity are read off the wire by a relay between the two; our end, and the peer where it tells, say the same. The identity is `3GPP-bootstrapping;` and the B-TID.',
  '- The same peer with one octet of the key changed is refused, and no layer opens.',
  '',
];
