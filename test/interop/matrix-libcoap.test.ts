import { testPeer } from './matrix/matrix.ts';

testPeer('libcoap on OpenSSL');
testPeer('libcoap on GnuTLS');
