/** What is wrong with a TLS handshake: one that failed, by what Node and OpenSSL report, or one that is complete. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { ChannelError, GbaError, reasonOf, type GbaErrorCode } from '../errors.ts';
import { PSK_NAMESPACE } from '../ids.ts';
import type { TlsBinding, TlsPolicy } from '../lib/suites.ts';

/** Stands where a host name check would: a peer that shows any certificate is refused. */
export function refuseCertificate(_host: string, shown: PeerCertificate): ChannelError | undefined {
  if (Object.keys(shown).length === 0) return undefined;
  return new ChannelError('ERR_CHANNEL_CERTIFICATE', 'the peer showed a certificate');
}

/**
 * What is wrong with a complete handshake under `binding`, if anything. In TLS 1.3 OpenSSL calls a
 * pre-shared key a reused session; one that is not reused was authenticated by something else. `version`
 * spares asking TLS for it again.
 */
export function handshakeFault(
  socket: TLSSocket,
  binding: TlsBinding,
  policy: TlsPolicy,
  version = socket.getProtocol(),
): ChannelError | undefined {
  const certificate = refuseCertificate('', socket.getPeerCertificate());
  if (certificate !== undefined) return certificate;
  if (version !== `TLSv${binding.version}`) {
    return policyFault(
      `the association is for TLS ${binding.version}, not ${version ?? 'nothing'}`,
    );
  }
  const suites: readonly string[] = binding.version === '1.3' ? policy.suites13 : [binding.suite];
  const { name } = socket.getCipher();
  if (!suites.includes(name)) return policyFault(`${name} is not the association's suite`);
  if (binding.version === '1.3' && !socket.isSessionReused()) {
    return policyFault('the handshake did not use the pre-shared key');
  }
  return undefined;
}

/** Ours for anything that a socket or OpenSSL reports; what is ours already passes unchanged. */
export function channelErrorOf(error: unknown): GbaError {
  if (error instanceof GbaError) return error;
  const failure = error instanceof Error && 'code' in error ? String(error.code) : '';
  const row = FAILURES.find(([pattern]) => pattern.test(failure));
  const [, code, sentence, retryable] = row ?? [undefined, 'ERR_CHANNEL_PROTOCOL', '', false];
  const detail = failure || reasonOf(error);
  return new ChannelError(code, sentence ? `${sentence} (${detail})` : detail, {
    retryable,
    cause: error,
  });
}

function policyFault(reason: string): ChannelError {
  return new ChannelError('ERR_CHANNEL_POLICY', reason);
}

/** Failure codes of Node and OpenSSL: our code, a sentence, and whether trying again may help. */
const FAILURES: readonly (readonly [RegExp, GbaErrorCode, string, boolean])[] = [
  [
    /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)$/,
    'ERR_CHANNEL_UNREACHABLE',
    'no TCP connection to the peer',
    true,
  ],
  [
    /^(ECONNRESET|ECONNABORTED|EPIPE)$/,
    'ERR_CHANNEL_CLOSED',
    'the peer closed the connection before the handshake was complete',
    true,
  ],
  [
    /^(EMFILE|ENFILE|ENOBUFS|ENOMEM)$/,
    'ERR_CHANNEL_CLOSED',
    'this process has too many connections: raise its limit of open files (ulimit -n)',
    true,
  ],
  [
    /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|ERR_TLS_CERT_)/,
    'ERR_CHANNEL_CERTIFICATE',
    'the peer showed a certificate',
    false,
  ],
  [
    /PSK_IDENTITY_NOT_FOUND$/,
    'ERR_CHANNEL_POLICY',
    `the peer's identity hint does not name ${PSK_NAMESPACE}`,
    false,
  ],
  [
    /ALERT_(HANDSHAKE_FAILURE|ILLEGAL_PARAMETER|BAD_RECORD_MAC|DECRYPT_ERROR|ACCESS_DENIED|UNKNOWN_PSK_IDENTITY)$/,
    'ERR_CHANNEL_REFUSED',
    'the peer refused the key: it does not know it, or it is over there',
    false,
  ],
  [
    /(BINDER_DOES_NOT_VERIFY|CIPHER_OPERATION_FAILED|BAD_RECORD_MAC|DIGEST_CHECK_FAILED)$/,
    'ERR_CHANNEL_REFUSED',
    'the peer has another key',
    false,
  ],
  [
    /NO_SUITABLE_SIGNATURE_ALGORITHM$/,
    'ERR_CHANNEL_REFUSED',
    'the peer offered no pre-shared key that can be used',
    false,
  ],
  [
    /(UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_SHARED_CIPHER|NO_SUITABLE_KEY_SHARE|INSUFFICIENT_SECURITY|DH_KEY_TOO_SMALL|DH_PARAM_SIZE|NO_APPLICATION_PROTOCOL)$/,
    'ERR_CHANNEL_POLICY',
    'the peers share no TLS version, suite, group or application protocol',
    false,
  ],
  [
    /ALERT_(INTERNAL_ERROR|USER_CANCELLED)$/,
    'ERR_CHANNEL_CLOSED',
    'the peer gave the handshake up',
    true,
  ],
  [
    /^ERR_SSL_(SSLV3|TLSV1|TLSV13|SSL\/TLS)_/,
    'ERR_CHANNEL_PROTOCOL',
    'the peer ended the handshake by an alert',
    false,
  ],
  [/^ERR_SSL_/, 'ERR_CHANNEL_PROTOCOL', 'the peer broke the TLS protocol', false],
];
