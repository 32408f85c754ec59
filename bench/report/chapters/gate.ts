/** What the report says of bench/gate.ts: keys that have to be fetched. */
import type { Chapter } from '../chapter.ts';

const cpu = { figure: 'NAF CPU per handshake', against: 'floor', better: 'lower' } as const;

const LEAST =
  'Reading the hello before TLS does, waiting, and putting it back, which any gate must do (`TLS 1.3 peek, remote`); ' +
  'after it the binder, which the gate checks itself, by nine hashes whose code is cold then, and a place, and where it is asked for an abort signal, for each that waits. ' +
  'A shorter handshake makes the ratio larger.';

export const gate: Chapter = {
  name: 'gate',
  title: 'Handshakes: keys that have to be fetched',
  comparisons: [
    { ...cpu, of: 'TLS 1.3 peek', over: 'TLS 1.3 plain', against: 'own' },
    { ...cpu, of: 'TLS 1.3 peek, remote', over: 'TLS 1.3 plain', against: 'own' },
    { ...cpu, of: 'TLS 1.3 direct', over: 'TLS 1.3 plain' },
    { ...cpu, of: 'TLS 1.3 remote', over: 'TLS 1.3 plain' },
    { ...cpu, of: 'TLS 1.3 naf', over: 'TLS 1.3 plain' },
    { ...cpu, of: 'TLS 1.3 naf, remote', over: 'TLS 1.3 plain' },
    { ...cpu, of: 'TLS 1.2 direct', over: 'TLS 1.2 plain' },
    { ...cpu, of: 'TLS 1.2 remote', over: 'TLS 1.2 plain' },
  ],
  targets: [
    {
      what: 'TLS 1.3 X25519 handshake with the gate and a remote key, server CPU, against bare Node TLS-PSK',
      ...{ figure: cpu.figure, of: 'TLS 1.3 remote', over: 'TLS 1.3 plain' },
      ...{ better: 'lower', target: 1.15, floor: 'TLS 1.3 peek, remote' },
      bound: LEAST,
    },
    {
      what: 'The same by the whole listener of the NAF, which proves an association',
      ...{ figure: cpu.figure, of: 'TLS 1.3 naf, remote', over: 'TLS 1.3 plain' },
      ...{ better: 'lower', target: 1.15, floor: 'TLS 1.3 peek, remote' },
      bound: `${LEAST} Then the proof and the limits on unfinished handshakes.`,
    },
  ],
};
