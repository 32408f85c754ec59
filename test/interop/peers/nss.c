/* NSS, the TLS of Firefox, as a peer; it knows external pre-shared keys in TLS 1.3 alone. */
#include "peer.h"
#include <nss.h>
#include <pk11pub.h>
#include <private/pprio.h>
#include <prerror.h>
#include <prio.h>
#include <secerr.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PRFileDesc *ssl;

const char *stack_version(void)
{
    return NSS_GetVersion();
}

static void check(SECStatus status, const char *what)
{
    char text[120];
    if (status == SECSuccess) return;
    snprintf(text, sizeof text, "%s: %s", what, PR_ErrorToName(PR_GetError()));
    refused(text);
}

static SECStatus trust_nobody(void *of, PRFileDesc *from, PRBool check_signature, PRBool is_server)
{
    return SECFailure;
}

static void limit(const struct terms *terms)
{
    const int version = terms->is_13 ? SSL_LIBRARY_VERSION_TLS_1_3 : SSL_LIBRARY_VERSION_TLS_1_2;
    const SSLVersionRange range = { version, version };
    const PRUint16 suite = strtol(terms->suite, NULL, 16);
    const SSLNamedGroup group = atoi(terms->group);
    SSLCipherSuiteInfo info;
    check(SSL_GetCipherSuiteInfo(suite, &info, sizeof info), "suite");
    for (int i = 0; i < SSL_NumImplementedCiphers; i++) SSL_CipherPrefSet(ssl, SSL_ImplementedCiphers[i], SSL_ImplementedCiphers[i] == suite);
    check(SSL_VersionRangeSet(ssl, &range), "version");
    check(SSL_NamedGroupConfig(ssl, &group, 1), "group");
}

static void give_key(const struct terms *terms)
{
    SECItem octets = { siBuffer, (unsigned char *)terms->key, terms->key_octets };
    PK11SlotInfo *slot = PK11_GetInternalSlot();
    PK11SymKey *key = PK11_ImportSymKey(slot, CKM_HKDF_KEY_GEN, PK11_OriginUnwrap, CKA_DERIVE, &octets, NULL);
    if (key == NULL) refused("key");
    check(SSL_AddExternalPsk(ssl, key, (const PRUint8 *)terms->identity, strlen(terms->identity), ssl_hash_sha256), "key");
}

void stack_open(const struct terms *terms, int tcp)
{
    static const unsigned char protocols[] = "\4coap";
    check(NSS_NoDB_Init(NULL), "start");
    ssl = SSL_ImportFD(NULL, PR_ImportTCPSocket(tcp));
    limit(terms);
    give_key(terms);
    SSL_AuthCertificateHook(ssl, trust_nobody, NULL);
    SSL_SetNextProtoNego(ssl, protocols, 5);
    SSL_SetURL(ssl, "naf.mnc001.mcc001.pub.3gppnetwork.org");
    check(SSL_ResetHandshake(ssl, terms->is_server), "handshake");
    check(SSL_ForceHandshake(ssl), "handshake");
    SSLChannelInfo agreed;
    check(SSL_GetChannelInfo(ssl, &agreed, sizeof agreed), "agreed");
    char code[8];
    snprintf(code, sizeof code, "%04x", agreed.cipherSuite);
    tell("suite", code);
    snprintf(code, sizeof code, "%d", agreed.keaGroup);
    tell("group", code);
    PRSocketOptionData option = { .option = PR_SockOpt_Nonblocking, .value.non_blocking = PR_TRUE };
    PR_SetSocketOption(ssl, &option);
}

static int moved(int result)
{
    if (result >= 0) return result;
    return PR_GetError() == PR_WOULD_BLOCK_ERROR ? AGAIN : 0;
}

int stack_read(void *octets, int most)
{
    return moved(PR_Read(ssl, octets, most));
}

int stack_write(const void *octets, int length)
{
    return moved(PR_Write(ssl, octets, length));
}
