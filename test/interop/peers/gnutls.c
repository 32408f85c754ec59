/* GnuTLS as a peer; suite and group together are a priority string. */
#include "peer.h"
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

static gnutls_session_t session;
static const struct terms *agreed;

const char *stack_version(void)
{
    return gnutls_check_version(NULL);
}

static int find_key(gnutls_session_t from, const char *identity, gnutls_datum_t *key)
{
    tell("identity", identity);
    if (strcmp(identity, agreed->identity) != 0) return -1;
    key->data = gnutls_malloc(agreed->key_octets);
    key->size = agreed->key_octets;
    memcpy(key->data, agreed->key, key->size);
    return 0;
}

static void check(int result)
{
    if (result < 0) refused(gnutls_strerror(result));
}

static void give_key(const struct terms *terms)
{
    if (terms->is_server) {
        gnutls_psk_server_credentials_t credentials;
        gnutls_psk_allocate_server_credentials(&credentials);
        gnutls_psk_set_server_credentials_function(credentials, find_key);
        gnutls_psk_set_server_credentials_hint(credentials, "3GPP-bootstrapping");
        gnutls_psk_set_server_known_dh_params(credentials, GNUTLS_SEC_PARAM_MEDIUM);
        check(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials));
    } else {
        gnutls_psk_client_credentials_t credentials;
        gnutls_datum_t key = { (unsigned char *)terms->key, terms->key_octets };
        gnutls_psk_allocate_client_credentials(&credentials);
        gnutls_psk_set_client_credentials(credentials, terms->identity, &key, GNUTLS_PSK_KEY_RAW);
        check(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials));
    }
}

/* Its name for the suite is not the one that it lists the suite's code under. */
static void tell_suite(void)
{
    unsigned char id[2];
    gnutls_kx_algorithm_t kx;
    gnutls_cipher_algorithm_t cipher;
    gnutls_mac_algorithm_t mac;
    for (size_t i = 0; gnutls_cipher_suite_info(i, id, &kx, &cipher, &mac, NULL); i++) {
        char code[8];
        if (cipher != gnutls_cipher_get(session) || mac != gnutls_mac_get(session)) continue;
        if (kx != (agreed->is_13 ? GNUTLS_KX_UNKNOWN : gnutls_kx_get(session))) continue;
        snprintf(code, sizeof code, "%02x%02x", id[0], id[1]);
        tell("suite", code);
    }
    const char *group = gnutls_group_get_name(gnutls_group_get(session));
    tell("group", group ? group : "none");
}

void stack_open(const struct terms *terms, int tcp)
{
    char priority[512];
    const char *wrong;
    agreed = terms;
    snprintf(priority, sizeof priority, "%s%s", terms->suite, terms->group);
    gnutls_init(&session, terms->is_server ? GNUTLS_SERVER : GNUTLS_CLIENT);
    if (gnutls_priority_set_direct(session, priority, &wrong) < 0) refused(wrong);
    give_key(terms);
    const gnutls_datum_t coap = { (unsigned char *)"coap", 4 };
    gnutls_alpn_set_protocols(session, &coap, 1, 0);
    gnutls_transport_set_int(session, tcp);
    int result;
    do {
        result = gnutls_handshake(session);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0) gnutls_alert_send_appropriate(session, result);
    check(result);
    tell_suite();
}

static int moved(ssize_t result)
{
    if (result >= 0) return result;
    return gnutls_error_is_fatal(result) ? 0 : AGAIN;
}

int stack_read(void *octets, int most)
{
    return moved(gnutls_record_recv(session, octets, most));
}

int stack_write(const void *octets, int length)
{
    return moved(gnutls_record_send(session, octets, length));
}
