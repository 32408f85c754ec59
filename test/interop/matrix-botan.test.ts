import { testPeer } from './matrix/matrix.ts';

testPeer('Botan');
