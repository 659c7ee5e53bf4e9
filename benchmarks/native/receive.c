/* The floor of the receive path: what a client costs that does nothing but its work.
 *
 *   receive PORT EPOCH_NS BASE depth|quotes|trades STREAM RATE:COUNT...
 *
 * It subscribes STREAM of the server, for a book asks for the whole one, then for each RATE:COUNT says go and receives
 * COUNT messages: it applies them to a plain book and reads the best, or reads the numbers of a quote or a trade. It
 * writes one line of JSON: {"parts": [{"rate", "messages", "cpu_ns", "wall_ns", "p50_ns", "p99_ns"}], "last", "best", "gaps"}.
 * The wall begins when the first message is due; latencies (from the intended time until the numbers are read) are there
 * where the rate is not 0. "best" is in 10^-8.
 */
#define _GNU_SOURCE
#pragma GCC diagnostic ignored "-Wunused-function" /* one of the formats is read here */
#include "formats.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, READ = 1 << 18, PAD = 64 };

static struct {
    int fd;
    char kind;
    uint8_t buffer[BUFFER + PAD];
    size_t from, to;
    Book book;
    int64_t last, best[4]; /* of quotes and trades */
    size_t digits;         /* where in a message the digits of its time are */
} self;

static int port;
static int64_t epoch_ns, base;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct timeval most = {20, 0}; /* nothing here is waited for longer */
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("connecting");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    return fd;
}

/* The body of GET path. */
static char *get(const char *path)
{
    char text[256];
    int fd = dial(), size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    size_t room = 1 << 20, filled = 0, whole = 0;
    char *reply = calloc(1, room + PAD), *body = NULL;
    if (write(fd, text, (size_t)size) != size)
        die(path);
    while (body == NULL || filled < whole) {
        ssize_t got = read(fd, reply + filled, room - filled);
        if (got <= 0)
            die(path);
        filled += (size_t)got;
        if (body == NULL && (body = memmem(reply, filled, "\r\n\r\n", 4)) != NULL)
            whole = (size_t)((body += 4) - reply) + (size_t)atoll(strstr(reply, "Content-Length:") + 15);
    }
    close(fd);
    return body;
}

static void fill(void)
{
    if (BUFFER - self.to < READ) {
        memmove(self.buffer, self.buffer + self.from, self.to - self.from);
        self.to -= self.from;
        self.from = 0;
    }
    ssize_t got = read(self.fd, self.buffer + self.to, BUFFER - self.to < READ ? BUFFER - self.to : READ);
    if (got <= 0)
        die("reading");
    self.to += (size_t)got;
}

/* The next text message, in the buffer; its bytes stay until `fill`. */
static const char *next_message(size_t *size)
{
    struct frame frame;
    for (;;) {
        while (!get_frame(self.buffer + self.from, self.to - self.from, &frame))
            fill();
        const char *text = (const char *)self.buffer + self.from + frame.head;
        self.from += frame.head + frame.size;
        *size = frame.size;
        if (frame.opcode == TEXT)
            return text;
    }
}

static void subscribe(const char *stream)
{
    char text[300], command[200];
    int size = snprintf(text, sizeof text,
                        "GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    self.fd = dial();
    if (write(self.fd, text, (size_t)size) != size)
        die("upgrading");
    uint8_t *end;
    for (fill(); (end = memmem(self.buffer, self.to, "\r\n\r\n", 4)) == NULL;)
        fill();
    char accept[29];
    accept_key("AAAAAAAAAAAAAAAAAAAAAA==", accept);
    if (memmem(self.buffer, self.to, accept, 28) == NULL)
        die("the upgrade was refused");
    self.from = (size_t)(end + 4 - self.buffer);
    size = snprintf(command, sizeof command, "{\"method\":\"SUBSCRIBE\",\"params\":[\"%s\"],\"id\":1}", stream);
    size_t head = put_header((uint8_t *)text, TEXT, (uint64_t)size);
    text[1] |= (char)0x80; /* masked, with a mask of zeros */
    memset(text + head, 0, 4);
    memcpy(text + head + 4, command, (size_t)size);
    if (write(self.fd, text, head + 4 + (size_t)size) < 0)
        die("subscribing");
    size_t acked;
    const char *ack = next_message(&acked);
    if (memmem(ack, acked, "null", 4) == NULL)
        die("the subscription was refused");
}

/* The numbers of one message; false where the book is beyond it already. */
static inline bool take(const char *text)
{
    if (self.kind == 'd') {
        int64_t before = self.book.last;
        binance_plain(&self.book, text);
        const Side *bids = &self.book.bids, *asks = &self.book.asks;
        if (bids->n && asks->n) {
            const Row *bid = &bids->rows[bids->n - 1], *ask = &asks->rows[asks->n - 1];
            int64_t best[4] = {bid->price, bid->size, ask->price, ask->size};
            memcpy(self.best, best, sizeof best);
        }
        self.last = self.book.last;
        return self.book.last != before;
    }
    const char *p = closing(SKIP(text, "{\"stream\":\""));
    if (self.kind == 'q') {
        p = whole(SKIP(p, "\",\"data\":{\"u\":"), &self.last);
        p = closing(SKIP(p, ",\"s\":\""));
        p = fixed8(SKIP(p, "\",\"b\":\""), &self.best[0]);
        p = fixed8(SKIP(p, "\",\"B\":\""), &self.best[1]);
        p = fixed8(SKIP(p, "\",\"a\":\""), &self.best[2]);
        fixed8(SKIP(p, "\",\"A\":\""), &self.best[3]);
    } else {
        p = closing(SKIP(p, "\",\"data\":{\"e\":\"trade\",\"E\":1767225600000,\"s\":\""));
        p = whole(SKIP(p, "\",\"t\":"), &self.last);
        p = fixed8(SKIP(p, ",\"p\":\""), &self.best[0]);
        fixed8(SKIP(p, "\",\"q\":\""), &self.best[1]);
    }
    __asm__ volatile("" : : "r"(self.best) : "memory");
    return true;
}

static int64_t intended_ns(const char *text)
{
    int64_t value;
    whole(text + self.digits, &value);
    return (value - base) * 1000 + epoch_ns;
}

static int by_value(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void part(int64_t rate, size_t count, const char *after)
{
    char path[100];
    struct timespec began, ended;
    int64_t *waits = calloc(count + 1, sizeof *waits), start_ns;
    snprintf(path, sizeof path, "/bench/go?rate=%lld&count=%zu", (long long)rate, count);
    char *reply = get(path);
    start_ns = atoll(strstr(reply, "\"start_ns\":") + 11);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
    for (size_t done = 0, size; done < count;) {
        const char *text = next_message(&size);
        if (!take(text))
            continue;
        if (rate)
            waits[done] = mono_ns() - intended_ns(text);
        done++;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    int64_t wall = mono_ns() - start_ns, cpu = (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec;
    printf("{\"rate\":%lld,\"messages\":%zu,\"cpu_ns\":%lld,\"wall_ns\":%lld", (long long)rate, count, (long long)cpu, (long long)wall);
    if (rate) {
        qsort(waits, count, sizeof *waits, by_value);
        printf(",\"p50_ns\":%lld,\"p99_ns\":%lld", (long long)waits[count / 2], (long long)waits[count * 99 / 100]);
    }
    printf("}%s", after);
    free(waits);
}

int main(int count, char **words)
{
    if (count < 7) {
        fprintf(stderr, "receive PORT EPOCH_NS BASE depth|quotes|trades STREAM RATE:COUNT...\n");
        return 2;
    }
    port = atoi(words[1]);
    epoch_ns = atoll(words[2]);
    base = atoll(words[3]);
    self.kind = words[4][0];
    const char *before = self.kind == 'q' ? "\",\"data\":{\"u\":" : "\",\"data\":{\"e\":\"trade\",\"E\":";
    if (self.kind == 'd')
        before = "\",\"data\":{\"e\":\"depthUpdate\",\"E\":";
    self.digits = strlen("{\"stream\":\"") + strlen(words[5]) + strlen(before);
    subscribe(words[5]);
    if (self.kind == 'd')
        binance_whole_plain(&self.book, get("/api/v3/depth?symbol=BTCUSDT&limit=1000"));
    printf("{\"parts\":[");
    for (int at = 6; at < count; at++) {
        char *colon = strchr(words[at], ':');
        part(atoll(words[at]), colon ? (size_t)atoll(colon + 1) : 0, at + 1 < count ? "," : "");
    }
    printf("],\"last\":%lld,\"best\":[%lld,%lld,%lld,%lld],\"gaps\":%llu}\n", (long long)self.last, (long long)self.best[0],
           (long long)self.best[1], (long long)self.best[2], (long long)self.best[3], (unsigned long long)self.book.gaps);
    return 0;
}
