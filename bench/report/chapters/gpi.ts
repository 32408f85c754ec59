/** What the report says of bench/gpi.ts: from a trigger to a key. */
import type { Chapter } from '../chapter.ts';

export const gpi: Chapter = {
  name: 'gpi',
  title: 'From a trigger to a key',
  comparisons: [],
  targets: [
    {
      what: 'GPI received to key derived, UE CPU, Milenage',
      ...{
        figure: 'GPI received to key derived, CPU',
        of: 'Milenage',
        better: 'lower',
        target: 100,
      },
      bound:
        'Some ten AES blocks of the SIM, a handful of HMAC-SHA-256 for the keys, AES-128-CTR over the GPI: all of few ' +
        'octets, so what counts is what each call costs by itself, not the arithmetic.',
    },
  ],
};
