import type { SecureVersion, TLSSocket } from 'node:tls';
import test from 'ava';
import { ChannelError, ConfigError, GbaError } from '../../src/errors.ts';
import {
  channelErrorOf,
  handshakeFault,
  refuseCertificate,
  serverTlsOptions,
} from '../../src/net/tls.ts';
import { dial, makeSa, policy, startNaf, TLS13 } from '../support/tls.ts';

const pskCallback = () => null;

test('a listener enables the versions that it is told and no other', (t) => {
  const range = (versions: ('1.2' | '1.3')[]): (SecureVersion | undefined)[] => {
    const { minVersion, maxVersion } = serverTlsOptions(policy, { versions, pskCallback });
    return [minVersion, maxVersion];
  };
  t.deepEqual(range(['1.3']), ['TLSv1.3', 'TLSv1.3']);
  t.deepEqual(range(['1.2']), ['TLSv1.2', 'TLSv1.2']);
  t.deepEqual(range(['1.3', '1.2']), ['TLSv1.2', 'TLSv1.3']);
});

test('a listener has an identity hint where TLS 1.2 has one', (t) => {
  const hint = (...versions: ('1.2' | '1.3')[]): string | undefined =>
    serverTlsOptions(policy, { versions, pskCallback }).pskIdentityHint;
  t.is(hint('1.3'), undefined);
  t.is(hint('1.2'), '3GPP-bootstrapping');
  t.is(hint('1.3', '1.2'), '3GPP-bootstrapping');
});

test('the UE refuses a Diffie-Hellman group smaller than its policy', async (t) => {
  const sa = makeSa({ binding: { version: '1.2', suite: 'DHE-PSK-AES128-GCM-SHA256' } });
  const naf = await startNaf(t, [sa]);
  const wary = { ...policy, minDhBits: 3072 };
  await t.throwsAsync(dial(t, naf.port, sa, { policy: wary }), { code: 'ERR_CHANNEL_POLICY' });
  const large = await startNaf(t, [sa], { policy: wary });
  const { socket } = await dial(t, large.port, sa, { policy: wary });
  t.like(socket.getEphemeralKeyInfo(), { type: 'DH', size: 3072 });
});

test('key exchange takes the policy’s first group that this runtime has', async (t) => {
  const sa = makeSa();
  const groups = ['no-such-group', 'P-256', 'X25519'];
  const naf = await startNaf(t, [sa], { policy: { ...policy, groups } });
  const { socket } = await dial(t, naf.port, sa, { policy: { ...policy, groups } });
  t.like(socket.getEphemeralKeyInfo(), { type: 'ECDH', name: 'prime256v1' });
});

test('a policy whose groups are all unknown to this runtime is a configuration error', (t) => {
  const unknown = { ...policy, groups: ['no-such-group'] };
  t.throws(() => serverTlsOptions(unknown, { versions: ['1.3'], pskCallback }), {
    instanceOf: ConfigError,
  });
});

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
