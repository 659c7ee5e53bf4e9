/* One connection: the frames that are laid out for it, when each is due, and sending them. */
#ifndef TIDEBOOK_CONNECTION_H
#define TIDEBOOK_CONNECTION_H

#include "prepared.h"
#include "websocket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define BASE 1767225600000LL
enum { INPUT = 1 << 16, CHUNK = 1 << 18, REPLIES = 1 << 14 };

struct slot { /* of one connection: where a frame ends, and where in it the time is written */
    uint64_t end;
    uint32_t message;
    uint32_t stamps[2]; /* back from the end */
};

struct connection {
    int fd;
    bool upgraded, wrapped, closing;
    char input[INPUT];
    size_t filled;
    char replies[REPLIES]; /* acks and pongs: they wait for the end of a frame that is half sent */
    size_t replied;
    char (*names)[NAME]; /* by stream: the name under which it was asked for, or empty */
    uint32_t next;       /* the next message of the files */
    uint8_t *image;      /* all frames that are still to be sent, as bytes */
    struct slot *slots;
    size_t slots_count, at, released, until; /* frames sent whole, frames whose time has come, frames that go allows */
    uint64_t sent;                           /* bytes of the image */
    size_t from;                             /* the first frame of this go, */
    int64_t start_ns, rate;                  /* when it is due, and how many a second follow; 0: no pace */
};

static int64_t epoch_ns;
static struct { int64_t frames, bytes, blocked, busy, late, unanswered; } stats;

/* Writes one message as this connection gets it; returns the length of the frame. */
static size_t print_frame(const struct connection *to, const struct message *one, uint8_t *out)
{
    char head[NAME + 32];
    int before = to->wrapped ? snprintf(head, sizeof head, "{\"stream\":\"%s\",\"data\":", to->names[one->stream]) : 0;
    size_t size = (size_t)before + one->size + (to->wrapped ? 1 : 0);
    size_t at = put_header(out, TEXT, size);
    memcpy(out + at, head, (size_t)before);
    memcpy(out + at + before, one->data, one->size);
    if (to->wrapped)
        out[at + size - 1] = '}';
    return at + size;
}

/* Lays out all frames that are left for it, as bytes, so that sending is nothing but sending. */
static void lay_out(struct connection *to)
{
    uint64_t total = 0, at = 0;
    size_t count = 0;
    for (size_t n = to->next; n < messages_count; n++)
        if (to->names[messages[n].stream][0] && !messages[n].first) {
            total += messages[n].size + NAME + 48;
            count++;
        }
    to->image = malloc(total + 1);
    to->slots = calloc(count + 1, sizeof *to->slots);
    for (size_t n = to->next; n < messages_count; n++) {
        const struct message *one = &messages[n];
        if (!to->names[one->stream][0] || one->first)
            continue;
        at += print_frame(to, one, to->image + at);
        struct slot *slot = &to->slots[to->slots_count++];
        slot->end = at;
        slot->message = (uint32_t)n;
        for (int each = 0; each < 2; each++)
            slot->stamps[each] = one->stamps[each] ? one->size - one->stamps[each] + (to->wrapped ? 1 : 0) : 0;
    }
}

static void go(struct connection *to, int64_t rate, int64_t count, int64_t start_ns)
{
    if (to->image == NULL)
        lay_out(to);
    size_t left = to->slots_count - to->until;
    to->from = to->until;
    to->until += count == 0 || (size_t)count > left ? left : (size_t)count;
    to->start_ns = start_ns;
    to->rate = rate;
}

static void write_stamp(struct connection *to, const struct slot *slot, int64_t intended_ns)
{
    for (int each = 0; each < 2; each++) {
        if (!slot->stamps[each])
            continue;
        int64_t value = BASE + (intended_ns - epoch_ns) / 1000;
        uint8_t *digits = to->image + slot->end - slot->stamps[each];
        for (int at = DIGITS - 1; at >= 0; at--, value /= 10)
            digits[at] = (uint8_t)('0' + value % 10);
    }
}

/* When the next frame is due; INT64_MAX where none is left. */
static int64_t due(const struct connection *to)
{
    if (to->released == to->until)
        return INT64_MAX;
    return to->start_ns + (to->rate ? (int64_t)(to->released - to->from) * 1000000000LL / to->rate : 0);
}

static void release(struct connection *to, int64_t now)
{
    if (!to->rate && now >= to->start_ns) {
        to->released = to->until;
        return;
    }
    for (int64_t at = due(to); at <= now; at = due(to)) {
        write_stamp(to, &to->slots[to->released++], at);
        stats.late = now - at;
    }
}

/* The byte up to which it may send. With replies waiting that is the end of the frame that is half sent. */
static uint64_t limit_of(const struct connection *to)
{
    uint64_t whole = to->at ? to->slots[to->at - 1].end : 0;
    if (to->replied)
        return to->sent > whole ? to->slots[to->at].end : whole;
    return to->released ? to->slots[to->released - 1].end : 0;
}

static void hang_up(struct connection *to)
{
    to->closing = true;
}

/* As much as goes now, of `size` bytes; a reader that is gone is hung up on. */
static size_t send_some(struct connection *to, const void *data, size_t size)
{
    ssize_t done = send(to->fd, data, size, MSG_NOSIGNAL);
    if (done >= 0)
        return (size_t)done;
    if (errno != EAGAIN && errno != EINTR)
        hang_up(to);
    return 0;
}

/* Sends what is allowed. True where the reader has to be waited for. */
static bool push(struct connection *to, int64_t now)
{
    release(to, now);
    if (to->replied && limit_of(to) == to->sent) {
        size_t done = send_some(to, to->replies, to->replied);
        memmove(to->replies, to->replies + done, to->replied -= done);
        if (to->replied)
            return true;
    }
    uint64_t limit = limit_of(to);
    if (to->closing || to->sent >= limit)
        return false;
    size_t size = limit - to->sent > CHUNK ? CHUNK : (size_t)(limit - to->sent);
    size_t done = send_some(to, to->image + to->sent, size);
    to->sent += done;
    stats.bytes += (int64_t)done;
    for (; to->at < to->released && to->slots[to->at].end <= to->sent; to->at++)
        stats.frames++;
    if (to->at)
        to->next = to->slots[to->at - 1].message + 1;
    return done < size;
}

static void reply(struct connection *to, const void *data, size_t size)
{
    if (to->replied + size > sizeof to->replies) {
        hang_up(to); /* it asks and does not read */
        return;
    }
    memcpy(to->replies + to->replied, data, size);
    to->replied += size;
}

static void reply_frame(struct connection *to, int opcode, const char *text, size_t size)
{
    uint8_t head[10];
    reply(to, head, put_header(head, opcode, size));
    reply(to, text, size);
}

/* All of it, before anything else: answers over HTTP, which can be long. */
static void send_all(struct connection *to, const char *text, size_t size)
{
    while (size && !to->closing) {
        size_t done = send_some(to, text, size);
        text += done;
        size -= done;
        struct pollfd wait = {to->fd, POLLOUT, 0};
        if (!done && poll(&wait, 1, 5000) == 0)
            hang_up(to);
    }
}

/* What it has subscribed changes: what is laid out for it is laid out anew, from the message that comes next. */
static void forget_frames(struct connection *to)
{
    if (to->at < to->released && to->sent > (to->at ? to->slots[to->at - 1].end : 0)) {
        send_all(to, (char *)to->image + to->sent, to->slots[to->at].end - to->sent); /* not half a message */
        to->next = to->slots[to->at].message + 1;
    }
    free(to->image);
    free(to->slots);
    to->image = NULL;
    to->slots = NULL;
    to->slots_count = to->at = to->released = to->until = to->sent = 0;
}

#endif
