/* A TLS-PSK client on wolfSSL: `wolfssl-client PORT 12|13 IDENTITY KEY-HEX` exits 0 after a handshake and one line read. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *named, *hex;

static unsigned int give_key(char *identity, unsigned int identity_max, unsigned char *key, unsigned int key_max)
{
    unsigned int length = strlen(hex) / 2;
    if (length > key_max || strlen(named) >= identity_max) return 0;
    strcpy(identity, named);
    for (unsigned int i = 0; i < length; i++) sscanf(hex + 2 * i, "%2hhx", key + i);
    return length;
}

static unsigned int on_12(WOLFSSL *ssl, const char *hint, char *identity, unsigned int identity_max, unsigned char *key, unsigned int key_max)
{
    return give_key(identity, identity_max, key, key_max);
}

static unsigned int on_13(WOLFSSL *ssl, const char *hint, char *identity, unsigned int identity_max, unsigned char *key, unsigned int key_max, const char **suite)
{
    *suite = "TLS13-AES128-GCM-SHA256";
    return give_key(identity, identity_max, key, key_max);
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    int is_13 = strcmp(argv[2], "13") == 0;
    named = argv[3];
    hex = argv[4];
    wolfSSL_Init();
    WOLFSSL_CTX *context = wolfSSL_CTX_new(is_13 ? wolfTLSv1_3_client_method() : wolfTLSv1_2_client_method());
    if (is_13) {
        wolfSSL_CTX_set_psk_client_tls13_callback(context, on_13);
    } else {
        wolfSSL_CTX_set_psk_client_callback(context, on_12);
        wolfSSL_CTX_set_cipher_list(context, "PSK-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305");
    }
    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(tcp, (struct sockaddr *)&server, sizeof server) != 0) return 3;
    WOLFSSL *ssl = wolfSSL_new(context);
    wolfSSL_set_fd(ssl, tcp);
    if (wolfSSL_connect(ssl) != WOLFSSL_SUCCESS) {
        char text[80];
        fprintf(stderr, "%s\n", wolfSSL_ERR_error_string(wolfSSL_get_error(ssl, 0), text));
        return 4;
    }
    char line[64] = { 0 };
    int length = wolfSSL_read(ssl, line, sizeof line - 1);
    if (length <= 0) return 5;
    fputs(line, stdout);
    return 0;
}
