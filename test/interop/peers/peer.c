/*
 * A pipe through TLS-PSK: `PEER client|server 12|13 SUITE GROUP PORT` reads two lines of stdin, identity and key in
 * hex, then carries the rest to the peer and the peer's octets to stdout. `PEER version` names its library.
 * It ends with 0 when the peer closes, with 4 when the handshake fails.
 */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const unsigned char modp_2048[256] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34,
    0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74,
    0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
    0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30, 0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37,
    0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76, 0x62, 0x5e, 0x7e, 0xc6,
    0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x37, 0xed, 0x6b, 0x0b, 0xff, 0x5c, 0xb6, 0xf4, 0x06, 0xb7, 0xed,
    0xee, 0x38, 0x6b, 0xfb, 0x5a, 0x89, 0x9f, 0xa5, 0xae, 0x9f, 0x24, 0x11, 0x7c, 0x4b, 0x1f, 0xe6,
    0x49, 0x28, 0x66, 0x51, 0xec, 0xe4, 0x5b, 0x3d, 0xc2, 0x00, 0x7c, 0xb8, 0xa1, 0x63, 0xbf, 0x05,
    0x98, 0xda, 0x48, 0x36, 0x1c, 0x55, 0xd3, 0x9a, 0x69, 0x16, 0x3f, 0xa8, 0xfd, 0x24, 0xcf, 0x5f,
    0x83, 0x65, 0x5d, 0x23, 0xdc, 0xa3, 0xad, 0x96, 0x1c, 0x62, 0xf3, 0x56, 0x20, 0x85, 0x52, 0xbb,
    0x9e, 0xd5, 0x29, 0x07, 0x70, 0x96, 0x96, 0x6d, 0x67, 0x0c, 0x35, 0x4e, 0x4a, 0xbc, 0x98, 0x04,
    0xf1, 0x74, 0x6c, 0x08, 0xca, 0x18, 0x21, 0x7c, 0x32, 0x90, 0x5e, 0x46, 0x2e, 0x36, 0xce, 0x3b,
    0xe3, 0x9e, 0x77, 0x2c, 0x18, 0x0e, 0x86, 0x03, 0x9b, 0x27, 0x83, 0xa2, 0xec, 0x07, 0xa2, 0x8f,
    0xb5, 0xc5, 0x5d, 0xf0, 0x6f, 0x4c, 0x52, 0xc9, 0xde, 0x2b, 0xcb, 0xf6, 0x95, 0x58, 0x17, 0x18,
    0x39, 0x95, 0x49, 0x7c, 0xea, 0x95, 0x6a, 0xe5, 0x15, 0xd2, 0x26, 0x18, 0x98, 0xfa, 0x05, 0x10,
    0x15, 0x72, 0x8e, 0x5a, 0x8a, 0xac, 0xaa, 0x68, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

void tell(const char *what, const char *value)
{
    fprintf(stderr, "%s: %s\n", what, value);
}

void refused(const char *why)
{
    tell("refused", why);
    exit(4);
}

static _Noreturn void misused(const char *why)
{
    tell("error", why);
    exit(2);
}

/* One octet at a time: what follows is the peer's. */
static void read_line(char *line, size_t room)
{
    size_t length = 0;
    while (length + 1 < room && read(0, line + length, 1) == 1 && line[length] != '\n') length++;
    line[length] = 0;
}

static void read_key(struct terms *terms)
{
    static char identity[512];
    char hex[2 * sizeof terms->key + 1];
    read_line(identity, sizeof identity);
    read_line(hex, sizeof hex);
    terms->identity = identity;
    terms->key_octets = strlen(hex) / 2;
    for (size_t i = 0; i < terms->key_octets; i++)
        if (sscanf(hex + 2 * i, "%2hhx", terms->key + i) != 1) misused("the key is not hex");
}

static int open_tcp(int is_server, int port)
{
    struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof end;
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (!is_server) {
        if (connect(tcp, (struct sockaddr *)&end, size) != 0) misused("nobody listens there");
        return tcp;
    }
    if (bind(tcp, (struct sockaddr *)&end, size) != 0 || listen(tcp, 1) != 0) misused("cannot listen there");
    getsockname(tcp, (struct sockaddr *)&end, &size);
    fprintf(stderr, "listening: %d\n", ntohs(end.sin_port));
    return accept(tcp, NULL, NULL);
}

static void write_all(const unsigned char *octets, int length)
{
    while (length > 0) {
        ssize_t done = write(1, octets, length);
        if (done <= 0) exit(0);
        octets += done;
        length -= done;
    }
}

/* Small enough for one record of any stack. */
static void carry(int tcp)
{
    static unsigned char in[16384], out[4096];
    int unsent = 0, at = 0, input_is_open = 1;
    for (;;) {
        int got;
        while ((got = stack_read(in, sizeof in)) > 0) write_all(in, got);
        if (got == 0) return;
        if (at < unsent) {
            int done = stack_write(out + at, unsent - at);
            if (done == 0) return;
            if (done > 0) at += done;
        }
        struct pollfd ends[2] = {
            { .fd = tcp, .events = at < unsent ? POLLIN | POLLOUT : POLLIN },
            { .fd = input_is_open && at == unsent ? 0 : -1, .events = POLLIN },
        };
        if (poll(ends, 2, -1) < 0 && errno != EINTR) return;
        if (ends[1].revents) {
            unsent = read(0, out, sizeof out);
            at = 0;
            if (unsent <= 0) input_is_open = unsent = 0;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts(stack_version());
        return 0;
    }
    if (argc != 6) misused("client|server 12|13 SUITE GROUP PORT");
    signal(SIGPIPE, SIG_IGN);
    struct terms terms = {
        .is_server = strcmp(argv[1], "server") == 0,
        .is_13 = strcmp(argv[2], "13") == 0,
        .suite = argv[3],
        .group = argv[4],
    };
    read_key(&terms);
    int tcp = open_tcp(terms.is_server, atoi(argv[5]));
    stack_open(&terms, tcp);
    tell("secured", terms.is_13 ? "13" : "12");
    fcntl(tcp, F_SETFL, fcntl(tcp, F_GETFL) | O_NONBLOCK);
    carry(tcp);
    return 0;
}
