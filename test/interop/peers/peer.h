/* What a TLS stack must give to be a peer of the interop matrix; `peer.c` does the rest. */
#ifndef PEER_H
#define PEER_H
#include <stddef.h>

struct terms {
    int is_server, is_13;
    /* In the words of the stack. */
    const char *suite, *group;
    const char *identity;
    unsigned char key[64];
    size_t key_octets;
};

/* RFC 3526 group 14, for those that must be given one; its generator is 2. */
extern const unsigned char modp_2048[256];

/* Tells the caller something on stderr. */
void tell(const char *what, const char *value);
/* The same, and ends with 4: the handshake failed. */
void refused(const char *why) __attribute__((noreturn));

/* Of the library that runs, not of its headers. */
const char *stack_version(void);
/* Does the handshake on this blocking socket, or calls `refused`; tells `suite` (hex code) and `group`. */
void stack_open(const struct terms *terms, int tcp);
/* From here on the socket does not block: octets moved, 0 at the end, AGAIN. */
int stack_read(void *octets, int most);
int stack_write(const void *octets, int length);
#define AGAIN (-1)

#endif
