/* A TLS-PSK client on GnuTLS: `gnutls-client PORT 12|13 IDENTITY KEY-HEX` exits 0 after a handshake and one line read. */
#include <gnutls/gnutls.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *on_12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:+PSK";
static const char *on_13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK";

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    gnutls_psk_client_credentials_t credentials;
    gnutls_psk_allocate_client_credentials(&credentials);
    gnutls_datum_t key = { (unsigned char *)argv[4], strlen(argv[4]) };
    gnutls_psk_set_client_credentials(credentials, argv[3], &key, GNUTLS_PSK_KEY_HEX);

    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(tcp, (struct sockaddr *)&server, sizeof server) != 0) return 3;

    gnutls_session_t session;
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_priority_set_direct(session, strcmp(argv[2], "13") == 0 ? on_13 : on_12, NULL);
    gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials);
    gnutls_transport_set_int(session, tcp);
    int result;
    do {
        result = gnutls_handshake(session);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0) {
        fprintf(stderr, "%s\n", gnutls_strerror(result));
        return 4;
    }
    char line[64] = { 0 };
    do {
        result = gnutls_record_recv(session, line, sizeof line - 1);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result <= 0) return 5;
    fputs(line, stdout);
    return 0;
}
