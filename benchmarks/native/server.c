/* A loopback exchange that sends prepared messages: what the receive path is measured against.
 *
 *   server [--cpu N] [--first N] [--body PATH=FILE]... --frames FILE...
 *
 * It listens on any port of 127.0.0.1 and writes one line of JSON: {"port", "epoch_ns", "base", "frames"}. It ends when
 * its standard input ends.
 *
 * --frames  messages of the combined form, {"stream":"<name>","data":<data>}, each behind its length (4 bytes, little
 *           endian). The name is one as <symbol>@<kind>.
 * --first   so many messages of each stream are sent when it is subscribed, before anybody says go.
 * --body    what GET PATH answers, whatever the query. GET /api/v3/ping and /api/v3/time need no file.
 * --cpu     the one core that it runs on.
 *
 * WebSocket: /ws, /ws/<name>/<name>, /stream?streams=<name>/<name>, then SUBSCRIBE and UNSUBSCRIBE. Under /stream messages
 * are wrapped, under /ws they are <data> alone. A name may end in @100ms or @1000ms; the message then bears the name as
 * it was asked for. No message is sent before go.
 *
 * GET /bench/go?rate=R&count=N&delay=MS   each connection gets the next N messages (0: all that are left) of what it has
 *     subscribed: R a second, each at its time; with R=0 as fast as it reads. Delay, 20 ms by default, is waited first.
 * GET /bench/stats   {"frames", "bytes", "blocked_ns", "busy_ns", "cpu_ns", "late_ns", "unanswered"}: sent so far; how long
 *     the server waited for a reader and how long it was sending (the first is near 0 where the server is the slower
 *     one); its processor time; by how much the latest paced message was late; GETs that nothing answers.
 *
 * Sent at a rate, a message bears the time for which it was intended, in thirteen digits:
 *     base + (CLOCK_MONOTONIC ns - epoch_ns) / 1000
 * in place of every thirteen-digit "E" and "T" of the data and of a quote's "u": event time, trade time and the quote's
 * id are what every client hands on unharmed. They look like milliseconds of the year 2026, and are microseconds.
 */
#define _GNU_SOURCE
#include "connection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>

enum { CONNECTIONS = 1024, BODIES = 64 };

static struct { char path[NAME]; char *text; size_t size; } bodies[BODIES];
static size_t bodies_count;
static struct connection *connections[CONNECTIONS];
static size_t connections_count;

/* ---- subscribing */

static void send_first(struct connection *to, int stream)
{
    for (size_t n = 0; n < messages_count; n++) {
        if (messages[n].stream != stream || !messages[n].first)
            continue;
        uint8_t *frame = malloc(messages[n].size + NAME + 48);
        size_t size = print_frame(to, &messages[n], frame);
        reply(to, frame, size);
        free(frame);
    }
}

/* Names that no file has are taken too, as the venue does. */
static void subscribe(struct connection *to, const char *name, size_t size, bool on)
{
    int stream = stream_of(name, size, false);
    if (stream < 0 || size >= NAME)
        return;
    memset(to->names[stream], 0, NAME);
    if (on)
        memcpy(to->names[stream], name, size);
    forget_frames(to);
}

/* Every name in a text of names between separators; of a URL's, where %40 is @. */
static void each_name(struct connection *to, const char *text, const char *end, bool on, bool first)
{
    char name[NAME];
    size_t size = 0;
    for (;; text++) {
        bool over = text >= end;
        if (over || strchr("/&,\" []", *text)) {
            if (size && memchr(name, '@', size)) {
                subscribe(to, name, size, on);
                int stream = stream_of(name, size, false);
                if (first && stream >= 0)
                    send_first(to, stream);
            }
            size = 0;
            if (over)
                return;
        } else if (size < NAME - 1) {
            bool escaped = end - text > 2 && !memcmp(text, "%40", 3);
            name[size++] = escaped ? '@' : *text;
            text += escaped ? 2 : 0;
        }
    }
}

/* {"method":"SUBSCRIBE","params":["<name>",…],"id":<any>} and its opposite; the id comes back as it was. */
static void command(struct connection *to, char *text, size_t size)
{
    text[size] = 0;
    bool on = strstr(text, "\"SUBSCRIBE\"") != NULL;
    char *params = strstr(text, "\"params\""), *id = strstr(text, "\"id\"");
    char *open = params ? strchr(params, '[') : NULL, *close = open ? strchr(open, ']') : NULL;
    char ack[160] = "{\"code\":2,\"msg\":\"Invalid request: what this server does not know\"}";
    size_t length = strlen(ack);
    bool known = close != NULL && id != NULL && (on || strstr(text, "\"UNSUBSCRIBE\""));
    if (known) {
        id += strspn(id + 4, " :") + 4;
        int width = (int)(*id == '"' ? strcspn(id + 1, "\"") + 2 : strcspn(id, ",} "));
        length = (size_t)snprintf(ack, sizeof ack, "{\"result\":null,\"id\":%.*s}", width < 100 ? width : 100, id);
    }
    reply_frame(to, TEXT, ack, length);
    if (known)
        each_name(to, open, close, on, on);
}

/* ---- HTTP */

static void answer(struct connection *to, int status, const char *text, size_t size)
{
    char head[160];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                          status, status == 200 ? "OK" : "Not Found", size);
    send_all(to, head, (size_t)length);
    send_all(to, text, size);
}

static int64_t number(const char *query, const char *name, int64_t without)
{
    const char *found = query ? strstr(query, name) : NULL;
    return found ? atoll(found + strlen(name)) : without;
}

static void bench(struct connection *to, const char *path, const char *query)
{
    char text[400];
    struct timespec cpu;
    int length;
    if (!strcmp(path, "/bench/go")) {
        int64_t start = mono_ns() + number(query, "delay=", 20) * 1000000, count = number(query, "count=", 0), all = 0;
        for (size_t n = 0; n < connections_count; n++)
            if (connections[n]->upgraded) {
                go(connections[n], number(query, "rate=", 0), count, start);
                all += (int64_t)(connections[n]->until - connections[n]->from);
            }
        length = snprintf(text, sizeof text, "{\"frames\":%lld,\"start_ns\":%lld}", (long long)all, (long long)start);
    } else {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
        length = snprintf(text, sizeof text,
                          "{\"frames\":%lld,\"bytes\":%lld,\"blocked_ns\":%lld,\"busy_ns\":%lld,\"cpu_ns\":%lld,"
                          "\"late_ns\":%lld,\"unanswered\":%lld}",
                          (long long)stats.frames, (long long)stats.bytes, (long long)stats.blocked, (long long)stats.busy,
                          cpu.tv_sec * 1000000000LL + cpu.tv_nsec, (long long)stats.late, (long long)stats.unanswered);
    }
    answer(to, 200, text, (size_t)length);
}

static void upgrade(struct connection *to, const char *path, char *query, const char *headers)
{
    static const char name[] = "\r\nSec-WebSocket-Key:";
    char accept[29], key[65] = "", text[200];
    const char *found = strcasestr(headers, name);
    if (found == NULL || sscanf(found + sizeof name - 1, " %64[^\r \n]", key) != 1) {
        answer(to, 404, "{}", 2);
        return;
    }
    accept_key(key, accept);
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    send_all(to, text, (size_t)length);
    to->upgraded = true;
    to->wrapped = !strncmp(path, "/stream", 7);
    to->names = calloc(STREAMS, NAME);
    const char *names = to->wrapped ? query ? strstr(query, "streams=") : NULL : path + 3;
    if (names != NULL)
        each_name(to, names + (to->wrapped ? 8 : 0), names + strlen(names), true, true);
}

/* One request, whose head ends with a 0. */
static void request(struct connection *to, char *head)
{
    char *path = strchr(head, ' '), *line = strstr(head, "\r\n"), *end = path ? strchr(path + 1, ' ') : NULL;
    if (path == NULL || line == NULL || end == NULL || end > line) {
        hang_up(to);
        return;
    }
    *end = 0;
    char *query = strchr(++path, '?');
    if (query != NULL)
        *query++ = 0;
    if (!strncmp(path, "/ws", 3) || !strncmp(path, "/stream", 7)) {
        upgrade(to, path, query, line);
        return;
    }
    if (!strncmp(path, "/bench/", 7)) {
        bench(to, path, query);
        return;
    }
    for (size_t n = 0; n < bodies_count; n++)
        if (!strcmp(path, bodies[n].path)) {
            answer(to, 200, bodies[n].text, bodies[n].size);
            return;
        }
    if (!strcmp(path, "/api/v3/time")) {
        struct timespec now;
        char text[64];
        clock_gettime(CLOCK_REALTIME, &now);
        int length = snprintf(text, sizeof text, "{\"serverTime\":%lld}", now.tv_sec * 1000LL + now.tv_nsec / 1000000);
        answer(to, 200, text, (size_t)length);
    } else if (!strcmp(path, "/api/v3/ping"))
        answer(to, 200, "{}", 2);
    else {
        stats.unanswered++;
        fprintf(stderr, "nothing answers GET %s\n", path);
        answer(to, 404, "{\"code\":-1}", 11);
    }
}

/* ---- receiving */

/* Handles the first request or frame of what was read; returns its length, or 0 where more is needed. */
static size_t handle(struct connection *to)
{
    if (!to->upgraded) {
        char *end = memmem(to->input, to->filled, "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        end[2] = 0; /* the last header keeps its line's end */
        request(to, to->input);
        return (size_t)(end + 4 - to->input);
    }
    struct frame frame;
    if (!get_frame((uint8_t *)to->input, to->filled, &frame))
        return 0;
    unmask((uint8_t *)to->input, &frame);
    char *text = to->input + frame.head, after = text[frame.size];
    if (frame.opcode == TEXT)
        command(to, text, frame.size);
    else if (frame.opcode == PING)
        reply_frame(to, PONG, text, frame.size);
    else if (frame.opcode == CLOSE) {
        reply_frame(to, CLOSE, text, frame.size);
        push(to, 0);
        hang_up(to);
    }
    text[frame.size] = after; /* a command ends with a 0, written over the head of the next frame */
    return frame.head + frame.size;
}

static void receive(struct connection *to)
{
    ssize_t got = recv(to->fd, to->input + to->filled, INPUT - 1 - to->filled, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            hang_up(to);
        return;
    }
    to->filled += (size_t)got;
    for (size_t used; !to->closing && to->filled && (used = handle(to)) != 0;)
        memmove(to->input, to->input + used, to->filled -= used);
    if (to->filled == INPUT - 1)
        hang_up(to); /* no request is as long as this */
}

static void welcome(int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0)
        return;
    if (connections_count == CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *new = calloc(1, sizeof *new);
    new->fd = fd;
    connections[connections_count++] = new;
}

static void forget_closed(void)
{
    for (size_t n = connections_count; n-- > 0;) {
        struct connection *one = connections[n];
        if (!one->closing)
            continue;
        close(one->fd);
        free(one->names);
        free(one->image);
        free(one->slots);
        free(one);
        connections[n] = connections[--connections_count];
    }
}

/* ---- the loop */

enum { SPIN_NS = 300000 }; /* a wait that is longer sleeps until so long before its end */

/* Waits for the sockets, `waiting` of which have no room, until `until_ns` at most; true when the harness is gone. */
static bool look(int listening, const bool *waiting, int64_t until_ns)
{
    static struct pollfd fds[CONNECTIONS + 2];
    size_t count = connections_count;
    fds[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    fds[1] = (struct pollfd){listening, POLLIN, 0};
    for (size_t n = 0; n < count; n++)
        fds[n + 2] = (struct pollfd){connections[n]->fd, (short)(POLLIN | (waiting[n] ? POLLOUT : 0)), 0};
    int64_t left = until_ns == INT64_MAX ? 1000000000 : until_ns - mono_ns() - SPIN_NS;
    struct timespec most = {left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0};
    if (ppoll(fds, count + 2, &most, NULL) <= 0)
        return false;
    char end;
    if (fds[0].revents && read(STDIN_FILENO, &end, 1) == 0)
        return true;
    for (size_t n = 0; n < count; n++)
        if (fds[n + 2].revents & (POLLIN | POLLHUP | POLLERR))
            receive(connections[n]);
    if (fds[1].revents)
        welcome(listening);
    return false;
}

static void serve(int listening)
{
    bool waiting[CONNECTIONS];
    for (;;) {
        int64_t next = INT64_MAX;
        bool blocked = false;
        for (size_t n = 0; n < connections_count; n++) {
            struct connection *one = connections[n];
            int64_t began = mono_ns(), bytes = stats.bytes;
            waiting[n] = push(one, began);
            stats.busy += stats.bytes > bytes ? mono_ns() - began : 0;
            blocked |= waiting[n];
            int64_t at = waiting[n] ? INT64_MAX : one->sent < limit_of(one) ? 0 : due(one);
            next = at < next ? at : next;
        }
        int64_t looked = mono_ns();
        if (look(listening, waiting, next))
            return;
        if (blocked && next == INT64_MAX)
            stats.blocked += mono_ns() - looked;
        forget_closed();
    }
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 256) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        die("listening");
    *port = ntohs(at.sin_port);
    return fd;
}

static void add_body(char *pair)
{
    char *path = strchr(pair, '=');
    if (path == NULL || bodies_count == BODIES || (size_t)(path - pair) >= NAME)
        die(pair);
    memcpy(bodies[bodies_count].path, pair, (size_t)(path - pair));
    bodies[bodies_count].text = read_file(path + 1, &bodies[bodies_count].size);
    bodies_count++;
}

int main(int count, char **words)
{
    int port, at = 1;
    uint32_t first_count = 0;
    for (; at + 1 < count && strcmp(words[at], "--frames"); at += 2) {
        if (!strcmp(words[at], "--cpu")) {
            cpu_set_t cores;
            CPU_ZERO(&cores);
            CPU_SET((size_t)atoi(words[at + 1]), &cores);
            if (sched_setaffinity(0, sizeof cores, &cores) < 0)
                die("--cpu");
        } else if (!strcmp(words[at], "--first"))
            first_count = (uint32_t)atoi(words[at + 1]);
        else if (!strcmp(words[at], "--body"))
            add_body(words[at + 1]);
        else
            break;
    }
    if (at >= count || strcmp(words[at], "--frames")) {
        fprintf(stderr, "server [--cpu N] [--first N] [--body PATH=FILE]... --frames FILE...\n");
        return 2;
    }
    while (++at < count)
        add_file(words[at], first_count);
    prctl(PR_SET_TIMERSLACK, 1);
    epoch_ns = mono_ns() / 1000 * 1000;
    int listening = listen_anywhere(&port);
    printf("{\"port\":%d,\"epoch_ns\":%lld,\"base\":%lld,\"frames\":%zu}\n", port, (long long)epoch_ns, BASE, messages_count);
    fflush(stdout);
    serve(listening);
    return 0;
}
