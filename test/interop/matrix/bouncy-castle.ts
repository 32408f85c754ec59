/** Bouncy Castle, the TLS of many Java programs, by its low-level API. */
import { compiledJava } from './compiled.ts';
import { is13, lacksHybrid } from './peer.ts';
import { GROUP_CODES, piped, SUITE_CODES } from './piped.ts';

export const bouncyCastle = piped({
  name: 'Bouncy Castle',
  from: 'libbctls-java',
  source: 'BouncyCastle.java',
  program: () => compiledJava('BouncyCastle', '/usr/share/java/bctls.jar'),
  suites: SUITE_CODES,
  groups: GROUP_CODES,
  // As a server of TLS 1.3 it takes a wrong key for none, and then has no certificate.
  refusal: (terms) => (is13(terms) ? 'ERR_CHANNEL_CLOSED' : 'ERR_CHANNEL_REFUSED'),
  cannot: (cell) => lacksHybrid(cell, /^refused: it has no such group$/m),
});
