/*
 * The floor in C: frames of a push's size over OpenSSL, TLS 1.3 with a PSK, counted and answered; one process
 * is the server and sender (`floor server`), another the devices (`floor devices`). Orders are lines on stdin,
 * each answered by a line of JSON. A write for each connection and turn, as everywhere in this benchmark.
 */
#include "floor-line.h"

enum { PAYLOAD = 100, HEAD = 49, FRAME = FRAME_OCTETS, ANSWER = 6, POOL = 4096, TIMES = 1000000 };

static int listener = -1, is_server;
static unsigned char pool[POOL][PAYLOAD];
static unsigned char chunk[1 << 17];

/* The job that runs: at the server a push, at the devices a dial. */
static struct {
  int ues, window, most, broadcast;
  double ms, started, now, sent_at;
  int sent, acked;
} job;
static struct { int running, port, next, to, at_once, under_way; double started; } dialing;
static int awaited = -1;
static float times[TIMES];

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* xorshift32, as in lib/payloads.ts. */
static void make_pool(void) {
  uint32_t x = 2463534242u;
  for (int n = 0; n < POOL; n++)
    for (int i = 0; i < PAYLOAD; i++) {
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
      pool[n][i] = x & 0xff;
    }
}

static void tell(struct line *line, const unsigned char *payload) {
  uint32_t hash = line->hash;
  for (int i = 0; i < PAYLOAD; i += 4) {
    uint32_t word = payload[i] | payload[i + 1] << 8 | payload[i + 2] << 16 | (uint32_t)payload[i + 3] << 24;
    hash = (hash ^ word) * 0x9e3779b1u;
    hash = hash << 13 | hash >> 19;
  }
  line->hash = hash;
  line->count++;
}

static void push_next(void) {
  struct line *line = lines[job.sent % job.ues];
  unsigned char *at = reserve(line, FRAME);
  memset(at, 'x', HEAD);
  memcpy(at + HEAD, pool[job.broadcast ? 0 : job.sent % POOL], PAYLOAD);
  job.sent++;
}

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void job_done(void) {
  int n = job.window == 1 ? (job.acked < TIMES ? job.acked : TIMES) : 0;
  double seconds = (now_ms() - job.started) / 1e3;
  qsort(times, n, sizeof *times, ascending);
  printf("{\"ms\":%.6f,\"count\":%d,\"seconds\":%.9f,\"p50\":%.3f,\"p99\":%.3f}\n", seconds * 1e3, job.acked, seconds,
         n ? times[n / 2] : 0, n ? times[(int)(n * 0.99)] : 0);
}

static void acked(void) {
  job.acked++;
  if (job.window == 1 || job.acked % 32 == 0) job.now = now_ms();
  if (job.window == 1) {
    if (job.acked <= TIMES) times[job.acked - 1] = (job.now - job.sent_at) * 1e3;
    job.sent_at = job.now;
  }
  if (job.sent < job.most && job.now - job.started < job.ms) push_next();
  else if (job.acked == job.sent) job_done();
}

static void opened(struct line *line);

/* What a device gets are frames, what the server gets are a device's number, then answers. */
static void take(struct line *line, const unsigned char *octets, int length) {
  while (length > 0) {
    int unit = !is_server ? FRAME : line->device < 0 ? 4 : ANSWER;
    const unsigned char *whole = octets;
    int used = unit - line->partial;
    if (length < used) {
      memcpy(line->rest + line->partial, octets, length);
      line->partial += length;
      return;
    }
    if (line->partial > 0) {
      memcpy(line->rest + line->partial, octets, used);
      whole = line->rest;
      line->partial = 0;
    }
    octets += used;
    length -= used;
    if (!is_server) {
      tell(line, whole + HEAD);
      memset(reserve(line, ANSWER), 0, ANSWER);
    } else if (line->device < 0) {
      line->device = whole[0] << 24 | whole[1] << 16 | whole[2] << 8 | whole[3];
      if (line->device >= MOST) die("too many devices");
      lines[line->device] = line;
      open_count++;
    } else acked();
  }
}

static void serve(struct line *line, uint32_t events) {
  if (!line->open) {
    int done = SSL_do_handshake(line->ssl);
    if (done != 1) {
      int why = SSL_get_error(line->ssl, done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) die("handshake");
      return;
    }
    line->open = 1;
    if (!is_server) opened(line);
  }
  if (events & EPOLLOUT && line->length > 0) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    epoll_ctl(loop, EPOLL_CTL_MOD, line->fd, &event);
    flush(line);
  }
  /* Until there is nothing: OpenSSL reads ahead, and what it holds wakes nobody. */
  for (;;) {
    int length = SSL_read(line->ssl, chunk, sizeof chunk);
    if (length > 0) take(line, chunk, length);
    else if (SSL_get_error(line->ssl, length) == SSL_ERROR_WANT_READ) return;
    else return end(line);
  }
}

static void accept_all(void) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    struct line *line = line_of(fd, -1);
    SSL_set_accept_state(line->ssl);
  }
}

static void dial_next(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(dialing.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  /* On loopback this takes no round trip to anywhere. */
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct line *line = line_of(fd, dialing.next++);
  dialing.under_way++;
  SSL_set_connect_state(line->ssl);
  serve(line, 0);
}

static void opened(struct line *line) {
  lines[line->device] = line;
  open_count++;
  uint32_t n = line->device;
  unsigned char number[4] = {n >> 24, n >> 16, n >> 8, n};
  memcpy(reserve(line, 4), number, 4);
  dialing.under_way--;
}

static void begin(const int what[4]) {
  memset(&job, 0, sizeof job);
  job.ues = what[0];
  job.window = what[1];
  job.ms = what[2];
  job.most = what[3];
  job.started = job.now = job.sent_at = now_ms();
}

static void order(char *text) {
  int a = 0, b = 0, c = 0, d = 0;
  char name[16] = "";
  sscanf(text, "%15s %d %d %d %d", name, &a, &b, &c, &d);
  if (!strcmp(name, "listen")) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 1024) < 0) die("listen");
    getsockname(listener, (struct sockaddr *)&at, &length);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    printf("{\"port\":%d}\n", ntohs(at.sin_port));
  } else if (!strcmp(name, "connected")) awaited = a;
  else if (!strcmp(name, "push")) {
    begin((int[]){a, b, c, d});
    for (int i = 0; i < b; i++) push_next();
  } else if (!strcmp(name, "dial")) {
    dialing.running = 1;
    dialing.port = a;
    dialing.next = b;
    dialing.to = c;
    dialing.started = now_ms();
    dialing.at_once = d;
  } else if (!strcmp(name, "hangUp")) {
    for (int i = 0; i < MOST; i++) if (lines[i]) end(lines[i]);
    printf("{}\n");
  } else if (!strcmp(name, "broadcast")) {
    begin((int[]){a, a, 0, a});
    job.broadcast = 1;
    for (int i = 0; i < a; i++) push_next();
  } else if (!strcmp(name, "got")) {
    printf("{\"got\":[");
    for (int i = 0; i < open_count; i++) {
      printf("%s{\"count\":%u,\"hash\":%u}", i ? "," : "", lines[i]->count, lines[i]->hash);
      lines[i]->count = lines[i]->hash = 0;
    }
    printf("]}\n");
  } else die(name);
}

static void read_orders(void) {
  static char text[256];
  static int length;
  int got = read(0, text + length, sizeof text - 1 - length);
  if (got <= 0) exit(0);
  length += got;
  text[length] = 0;
  for (char *end; (end = strchr(text, '\n'));) {
    *end = 0;
    order(text);
    length -= end + 1 - text;
    memmove(text, end + 1, length + 1);
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "version")) return puts(OpenSSL_version(OPENSSL_VERSION_STRING)) < 0;
  is_server = argc > 1 && !strcmp(argv[1], "server");
  setvbuf(stdout, NULL, _IOLBF, 0);
  make_pool();
  open_context(is_server);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, 0, &event);
  printf("{}\n");
  for (;;) {
    int n = epoll_wait(loop, events, 256, dirty_count ? 0 : -1);
    for (int i = 0; i < n; i++) {
      void *whose = events[i].data.ptr;
      if (whose == NULL) read_orders();
      else if (whose == &listener) accept_all();
      else serve(whose, events[i].events);
    }
    if (dialing.running) {
      while (dialing.under_way < dialing.at_once && dialing.next < dialing.to) dial_next();
      if (dialing.next == dialing.to && dialing.under_way == 0) {
        dialing.running = 0;
        printf("{\"ms\":%.3f}\n", now_ms() - dialing.started);
      }
    } else if (awaited >= 0 && open_count >= awaited) {
      awaited = -1;
      printf("{}\n");
    }
    for (int i = 0; i < dirty_count; i++) flush(dirty[i]);
    dirty_count = 0;
  }
}
