/* Mbed TLS 2.28 as a peer. */
#include "peer.h"
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <string.h>

static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;
static mbedtls_net_context net;
static const struct terms *agreed;

const char *stack_version(void)
{
    static char text[20];
    mbedtls_version_get_string_full(text);
    return strchr(text, '2');
}

static void check(int result)
{
    char text[120];
    if (result == 0) return;
    mbedtls_strerror(result, text, sizeof text);
    refused(text);
}

static int find_key(void *of, mbedtls_ssl_context *from, const unsigned char *identity, size_t length)
{
    char name[256] = { 0 };
    memcpy(name, identity, length < sizeof name ? length : sizeof name - 1);
    tell("identity", name);
    if (strcmp(name, agreed->identity) != 0) return -1;
    return mbedtls_ssl_set_hs_psk(from, agreed->key, agreed->key_octets);
}

static void give_random(void)
{
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    check(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0));
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
}

static void limit(const struct terms *terms)
{
    static int suites[2];
    static mbedtls_ecp_group_id groups[2];
    static const char *protocols[] = { "coap", NULL };
    static const unsigned char generator[] = { 2 };
    if (terms->is_13) {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
        mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_4);
#else
        refused("this library has no TLS 1.3");
#endif
    } else {
        mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    }
    suites[0] = mbedtls_ssl_get_ciphersuite_id(terms->suite);
    if (suites[0] == 0) refused("it has no such suite");
    mbedtls_ssl_conf_ciphersuites(&config, suites);
    const mbedtls_ecp_curve_info *curve = mbedtls_ecp_curve_info_from_name(terms->group);
    if (curve == NULL && strcmp(terms->group, "none") != 0) refused("it has no such group");
    if (curve != NULL) {
        groups[0] = curve->grp_id;
        mbedtls_ssl_conf_curves(&config, groups);
    }
    if (terms->is_server) check(mbedtls_ssl_conf_dh_param_bin(&config, modp_2048, sizeof modp_2048, generator, sizeof generator));
    mbedtls_ssl_conf_dhm_min_bitlen(&config, 2048);
    check(mbedtls_ssl_conf_alpn_protocols(&config, protocols));
}

void stack_open(const struct terms *terms, int tcp)
{
    agreed = terms;
    net.fd = tcp;
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    check(mbedtls_ssl_config_defaults(&config, terms->is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    give_random();
    limit(terms);
    if (terms->is_server) {
        mbedtls_ssl_conf_psk_cb(&config, find_key, NULL);
    } else {
        check(mbedtls_ssl_conf_psk(&config, terms->key, terms->key_octets, (const unsigned char *)terms->identity, strlen(terms->identity)));
    }
    check(mbedtls_ssl_setup(&ssl, &config));
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    check(mbedtls_ssl_handshake(&ssl));
    char code[8];
    snprintf(code, sizeof code, "%04x", mbedtls_ssl_get_ciphersuite_id(mbedtls_ssl_get_ciphersuite(&ssl)));
    tell("suite", code);
}

static int moved(int result)
{
    if (result >= 0) return result;
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE ? AGAIN : 0;
}

int stack_read(void *octets, int most)
{
    return moved(mbedtls_ssl_read(&ssl, octets, most));
}

int stack_write(const void *octets, int length)
{
    return moved(mbedtls_ssl_write(&ssl, octets, length));
}
