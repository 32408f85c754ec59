/* Lines of the floor in C: connections over OpenSSL, TLS 1.3 with a PSK, whose octets leave once a turn. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_OCTETS = 149, MOST = 20000 };

/* One connection; what it has to say waits in `out`, which is there only while something waits. */
struct line {
  SSL *ssl;
  int fd, device, open, dirty;
  uint32_t count, hash;
  int partial;
  unsigned char rest[FRAME_OCTETS];
  unsigned char *out;
  int length, size;
};

static SSL_CTX *context;
static int loop;
static struct line *lines[MOST];
static struct line *dirty[MOST];
static int dirty_count, open_count;

static void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

static unsigned char *reserve(struct line *line, int octets) {
  if (line->length + octets > line->size) {
    line->size = 2 * (line->length + octets);
    line->out = realloc(line->out, line->size);
    if (!line->out) die("memory");
  }
  unsigned char *at = line->out + line->length;
  line->length += octets;
  if (!line->dirty) {
    line->dirty = 1;
    dirty[dirty_count++] = line;
  }
  return at;
}

static void flush(struct line *line) {
  line->dirty = 0;
  int done = 0;
  while (done < line->length) {
    int wrote = SSL_write(line->ssl, line->out + done, line->length - done);
    if (wrote > 0) done += wrote;
    else if (SSL_get_error(line->ssl, wrote) != SSL_ERROR_WANT_WRITE) die("write");
    else break;
  }
  line->length -= done;
  if (line->length > 0) {
    memmove(line->out, line->out + done, line->length);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = line};
    epoll_ctl(loop, EPOLL_CTL_MOD, line->fd, &event);
    return;
  }
  free(line->out);
  line->out = NULL;
  line->size = 0;
}

static void end(struct line *line) {
  SSL_shutdown(line->ssl);
  if (line->device >= 0 && line->open) {
    lines[line->device] = NULL;
    open_count--;
  }
  if (line->dirty) for (int i = 0; i < dirty_count; i++) if (dirty[i] == line) dirty[i] = dirty[--dirty_count];
  SSL_free(line->ssl);
  close(line->fd);
  free(line->out);
  free(line);
}

static struct line *line_of(int fd, int device) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct line *line = calloc(1, sizeof *line);
  line->fd = fd;
  line->device = device;
  line->ssl = SSL_new(context);
  SSL_set_fd(line->ssl, fd);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll");
  return line;
}

static unsigned psk_of_client(SSL *ssl, const char *identity, unsigned char *psk, unsigned size) {
  (void)ssl, (void)identity;
  if (size < 32) return 0;
  memset(psk, 7, 32);
  return 32;
}

static unsigned psk_of_server(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
                              unsigned char *psk, unsigned size) {
  (void)hint;
  if (identity_size < 6) return 0;
  strcpy(identity, "floor");
  return psk_of_client(ssl, identity, psk, size);
}

static void open_context(int is_server) {
  context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  if (is_server) SSL_CTX_set_psk_server_callback(context, psk_of_client);
  else SSL_CTX_set_psk_client_callback(context, psk_of_server);
  loop = epoll_create1(0);
}
