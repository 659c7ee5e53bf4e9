/* The messages that the server was given, and which stream each belongs to. */
#ifndef TIDEBOOK_PREPARED_H
#define TIDEBOOK_PREPARED_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 13
enum { STREAMS = 4096, NAME = 96 };

struct message {
    const char *data; /* without what it is wrapped in */
    uint32_t size;
    uint16_t stream;
    bool first;
    uint16_t stamps[2]; /* where the digits of the time are, from `data`; 0 is none */
};

static struct message *messages;
static size_t messages_count;
static char streams[STREAMS][NAME];
static size_t streams_count;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static char *read_file(const char *path, size_t *size)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) < 0)
        die(path);
    char *text = malloc((size_t)about.st_size + 1);
    for (*size = 0; *size < (size_t)about.st_size;) {
        ssize_t got = read(fd, text + *size, (size_t)about.st_size - *size);
        if (got <= 0)
            die(path);
        *size += (size_t)got;
    }
    text[*size] = 0;
    close(fd);
    return text;
}

/* The name without its speed: btcusdt@depth@100ms is btcusdt@depth. */
static size_t plain(const char *name, size_t size)
{
    const char *last = memrchr(name, '@', size);
    if (last != NULL && last + 1 < name + size && last[1] >= '0' && last[1] <= '9' && memchr(name, '@', (size_t)(last - name)))
        return (size_t)(last - name);
    return size;
}

/* The number of a stream; -1 where it is new and not to be added. */
static int stream_of(const char *name, size_t size, bool add)
{
    static int latest;
    size = plain(name, size);
    if (size >= NAME)
        return -1;
    if (streams_count && strlen(streams[latest]) == size && !memcmp(streams[latest], name, size))
        return latest;
    for (size_t at = 0; at < streams_count; at++)
        if (strlen(streams[at]) == size && !memcmp(streams[at], name, size))
            return latest = (int)at;
    if (!add || streams_count == STREAMS)
        return -1;
    memcpy(streams[streams_count], name, size);
    return latest = (int)streams_count++;
}

static uint16_t stamp_of(const struct message *one, const char *key)
{
    const char *found = memmem(one->data, one->size < 400 ? one->size : 400, key, strlen(key));
    if (found == NULL)
        return 0;
    found += strlen(key);
    for (int at = 0; at < DIGITS; at++)
        if (found[at] < '0' || found[at] > '9')
            return 0;
    return (uint16_t)(found - one->data);
}

static void add_message(char *text, size_t size, uint32_t *seen, uint32_t first_count)
{
    static const char head[] = "{\"stream\":\"", middle[] = "\",\"data\":";
    char *name = text + sizeof head - 1, *end = memchr(name, '"', size - sizeof head);
    if (memcmp(text, head, sizeof head - 1) || end == NULL || memcmp(end, middle, sizeof middle - 1)) {
        fprintf(stderr, "not of the combined form: %.80s\n", text);
        exit(1);
    }
    struct message *one = &messages[messages_count++];
    int stream = stream_of(name, (size_t)(end - name), true);
    if (stream < 0)
        die("a stream too many");
    one->stream = (uint16_t)stream;
    one->data = end + sizeof middle - 1;
    one->size = (uint32_t)(text + size - 1 - one->data);
    one->first = seen[stream]++ < first_count;
    if (strstr(streams[stream], "@bookTicker"))
        one->stamps[0] = stamp_of(one, "\"u\":");
    else {
        one->stamps[0] = stamp_of(one, "\"E\":");
        one->stamps[1] = strstr(streams[stream], "@depth") ? 0 : stamp_of(one, "\"T\":");
    }
}

/* Of each stream the first `first_count` messages are marked. */
static void add_file(const char *path, uint32_t first_count)
{
    uint32_t *seen = calloc(STREAMS, sizeof *seen), size;
    size_t total, count = 0;
    char *text = read_file(path, &total);
    for (size_t at = 0; at + 4 <= total; at += 4 + size, count++)
        memcpy(&size, text + at, 4);
    messages = realloc(messages, (messages_count + count) * sizeof *messages);
    memset(messages + messages_count, 0, count * sizeof *messages);
    for (size_t at = 0; at + 4 <= total; at += 4 + size) {
        memcpy(&size, text + at, 4);
        if (size < 16 || at + 4 + size > total)
            die("a message is cut off");
        add_message(text + at + 4, size, seen, first_count);
    }
    free(seen);
}

#endif
