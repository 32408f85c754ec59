import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { ChannelError, GbaError } from '../../src/errors.ts';
import { channelErrorOf, handshakeFault, refuseCertificate } from '../../src/net/tls-faults.ts';
import { policy, TLS13 } from '../support/tls.ts';

test('a certificate of any content is refused, its absence is not', (t) => {
  t.is(refuseCertificate('naf.example.org', {} as never), undefined);
  const refusal = refuseCertificate('naf.example.org', { subject: { CN: 'naf' } } as never);
  t.is(refusal?.code, 'ERR_CHANNEL_CERTIFICATE');
});

test('a complete handshake counts only with the pre-shared key, the version and the suite', (t) => {
  const proven = {
    getPeerCertificate: () => ({}),
    getProtocol: () => 'TLSv1.3',
    getCipher: () => ({ name: 'TLS_AES_128_GCM_SHA256' }),
    isSessionReused: () => true,
  };
  const faultOf = (change: object): string | undefined =>
    handshakeFault({ ...proven, ...change } as unknown as TLSSocket, TLS13, policy)?.code;
  t.is(faultOf({}), undefined);
  t.is(faultOf({ isSessionReused: () => false }), 'ERR_CHANNEL_POLICY');
  t.is(faultOf({ getProtocol: () => 'TLSv1.2' }), 'ERR_CHANNEL_POLICY');
  t.is(faultOf({ getCipher: () => ({ name: 'TLS_AES_256_GCM_SHA384' }) }), 'ERR_CHANNEL_POLICY');
  t.is(faultOf({ getPeerCertificate: () => ({ subject: {} }) }), 'ERR_CHANNEL_CERTIFICATE');
});

test('every failure of a socket or of OpenSSL becomes an error of ours that keeps its cause', (t) => {
  const failures: [string, string, boolean][] = [
    ['ECONNREFUSED', 'ERR_CHANNEL_UNREACHABLE', true],
    ['ENOTFOUND', 'ERR_CHANNEL_UNREACHABLE', true],
    ['ECONNRESET', 'ERR_CHANNEL_CLOSED', true],
    ['EMFILE', 'ERR_CHANNEL_CLOSED', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_CHANNEL_CERTIFICATE', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_CHANNEL_CERTIFICATE', false],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY', 'ERR_CHANNEL_REFUSED', false],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'ERR_CHANNEL_REFUSED', false],
    ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'ERR_CHANNEL_REFUSED', false],
    ['ERR_SSL_PSK_IDENTITY_NOT_FOUND', 'ERR_CHANNEL_POLICY', false],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_CHANNEL_POLICY', false],
    ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'ERR_CHANNEL_REFUSED', false],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ERR_CHANNEL_CLOSED', true],
    ['ERR_SSL_TLSV1_ALERT_USER_CANCELLED', 'ERR_CHANNEL_CLOSED', true],
    ['ERR_SSL_TLSV13_ALERT_MISSING_EXTENSION', 'ERR_CHANNEL_PROTOCOL', false],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_CHANNEL_PROTOCOL', false],
    ['ERR_SOMETHING_NEW', 'ERR_CHANNEL_PROTOCOL', false],
  ];
  for (const [code, expected, retryable] of failures) {
    const cause = Object.assign(new Error('text'), { code });
    const error = channelErrorOf(cause);
    t.true(error instanceof ChannelError);
    t.like(error, { code: expected, retryable, cause }, code);
    t.true(error.message.includes(code));
  }
  const ours = new GbaError('ERR_CHANNEL_TIMEOUT', 'ours');
  t.is(channelErrorOf(ours), ours);
});
