/* wolfSSL as a peer. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include "peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static WOLFSSL *ssl;
static const struct terms *agreed;

const char *stack_version(void)
{
    return wolfSSL_lib_version();
}

static unsigned give_key(char *identity, unsigned identity_room, unsigned char *key, unsigned room)
{
    if (strlen(agreed->identity) >= identity_room || agreed->key_octets > room) return 0;
    strcpy(identity, agreed->identity);
    memcpy(key, agreed->key, agreed->key_octets);
    return agreed->key_octets;
}

static unsigned client_12(WOLFSSL *of, const char *hint, char *identity, unsigned identity_room, unsigned char *key, unsigned room)
{
    return give_key(identity, identity_room, key, room);
}

static unsigned client_13(WOLFSSL *of, const char *hint, char *identity, unsigned identity_room, unsigned char *key, unsigned room, const char **suite)
{
    *suite = agreed->suite;
    return give_key(identity, identity_room, key, room);
}

static unsigned server_12(WOLFSSL *of, const char *identity, unsigned char *key, unsigned room)
{
    tell("identity", identity);
    if (strcmp(identity, agreed->identity) != 0 || agreed->key_octets > room) return 0;
    memcpy(key, agreed->key, agreed->key_octets);
    return agreed->key_octets;
}

static unsigned server_13(WOLFSSL *of, const char *identity, unsigned char *key, unsigned room, const char **suite)
{
    *suite = agreed->suite;
    return server_12(of, identity, key, room);
}

static WOLFSSL_METHOD *method(const struct terms *terms)
{
    if (terms->is_server) return terms->is_13 ? wolfTLSv1_3_server_method() : wolfTLSv1_2_server_method();
    return terms->is_13 ? wolfTLSv1_3_client_method() : wolfTLSv1_2_client_method();
}

static void fail(int result)
{
    char text[80];
    refused(wolfSSL_ERR_error_string(wolfSSL_get_error(ssl, result), text));
}

void stack_open(const struct terms *terms, int tcp)
{
    static const unsigned char generator[] = { 2 };
    const int group = atoi(terms->group);
    agreed = terms;
    wolfSSL_Init();
    WOLFSSL_CTX *context = wolfSSL_CTX_new(method(terms));
    if (wolfSSL_CTX_set_cipher_list(context, terms->suite) != WOLFSSL_SUCCESS) refused("it has no such suite");
    wolfSSL_CTX_set_psk_client_callback(context, client_12);
    wolfSSL_CTX_set_psk_client_tls13_callback(context, client_13);
    if (terms->is_server) {
        wolfSSL_CTX_set_psk_server_callback(context, server_12);
        wolfSSL_CTX_set_psk_server_tls13_callback(context, server_13);
        wolfSSL_CTX_use_psk_identity_hint(context, "3GPP-bootstrapping");
        wolfSSL_CTX_SetTmpDH(context, modp_2048, sizeof modp_2048, generator, sizeof generator);
    }
    ssl = wolfSSL_new(context);
    if (group != 0) {
        if (wolfSSL_UseSupportedCurve(ssl, group) != WOLFSSL_SUCCESS) refused("it has no such group");
        if (terms->is_13) wolfSSL_set_groups(ssl, (int *)&group, 1);
        if (terms->is_13 && !terms->is_server) wolfSSL_UseKeyShare(ssl, group);
    }
    wolfSSL_UseALPN(ssl, "coap", 4, WOLFSSL_ALPN_CONTINUE_ON_MISMATCH);
    wolfSSL_set_fd(ssl, tcp);
    int result = terms->is_server ? wolfSSL_accept(ssl) : wolfSSL_connect(ssl);
    if (result != WOLFSSL_SUCCESS) fail(result);
    char code[8];
    snprintf(code, sizeof code, "%04x", wolfSSL_get_current_cipher_suite(ssl));
    tell("suite", code);
    const char *name = wolfSSL_get_curve_name(ssl);
    tell("group", name ? name : "none");
}

static int moved(int result)
{
    if (result > 0) return result;
    int error = wolfSSL_get_error(ssl, result);
    return error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE ? AGAIN : 0;
}

int stack_read(void *octets, int most)
{
    return moved(wolfSSL_read(ssl, octets, most));
}

int stack_write(const void *octets, int length)
{
    return moved(wolfSSL_write(ssl, octets, length));
}
