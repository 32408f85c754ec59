import { testPeer } from './matrix/matrix.ts';

testPeer('GnuTLS tools');
