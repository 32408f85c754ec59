import type { SecureVersion } from 'node:tls';
import test from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { serverTlsOptions } from '../../src/net/tls.ts';
import { dial, makeSa, policy, startNaf } from '../support/tls.ts';

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
