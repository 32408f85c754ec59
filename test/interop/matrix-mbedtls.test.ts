import { testPeer } from './matrix/matrix.ts';

testPeer('Mbed TLS');
