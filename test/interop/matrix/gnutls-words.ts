/** GnuTLS priority strings: a suite's, to which a group's is added. */
import type { SuiteName } from '../../../src/lib/suites.ts';
import type { Group } from './cells.ts';

const NONE = 'NORMAL:-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL:-GROUP-ALL';
const ON_13 = `${NONE}:+VERS-TLS1.3:+DHE-PSK:+ECDHE-PSK:+PSK:+AEAD`;
const ON_12 = `${NONE}:+VERS-TLS1.2`;

export const GNUTLS_SUITES: Readonly<Record<SuiteName, string>> = {
  TLS_AES_128_GCM_SHA256: `${ON_13}:+AES-128-GCM`,
  TLS_CHACHA20_POLY1305_SHA256: `${ON_13}:+CHACHA20-POLY1305`,
  'ECDHE-PSK-CHACHA20-POLY1305': `${ON_12}:+ECDHE-PSK:+CHACHA20-POLY1305:+AEAD`,
  'DHE-PSK-AES128-GCM-SHA256': `${ON_12}:+DHE-PSK:+AES-128-GCM:+AEAD`,
  'PSK-AES128-GCM-SHA256': `${ON_12}:+PSK:+AES-128-GCM:+AEAD`,
  'PSK-AES128-CBC-SHA256': `${ON_12}:+PSK:+AES-128-CBC:+SHA256`,
};

/** A server has no parameters for DHE-PSK without a finite-field group. */
export const GNUTLS_GROUPS: Readonly<Record<Group, string>> = {
  X25519: ':+GROUP-X25519',
  'P-256': ':+GROUP-SECP256R1',
  X25519MLKEM768: ':+GROUP-X25519-MLKEM768',
  '2048 bits': ':+GROUP-FFDHE2048',
  none: ':+GROUP-FFDHE2048',
};
