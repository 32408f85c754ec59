import { testPeer } from './matrix/matrix.ts';

testPeer('Bouncy Castle');
