/** What the report says of bench/gpi.ts: from a trigger to a key. */
import type { Chapter } from './report/chapter.ts';

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
        'Milenage is some ten AES blocks, the keys are a handful of HMAC-SHA-256, the GPI is one AES-GCM: each is a ' +
        'call into OpenSSL of a few microseconds, whatever it computes.',
    },
  ],
};
