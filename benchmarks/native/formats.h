/* One reader a way of writing. Each trusts the order of the fields and the form of the rows, and applies while reading.
 *
 * A reader of a change counts a gap where the ids, or the checksum, do not fit; it has no other opinion. */
#ifndef FORMATS_H
#define FORMATS_H

#include "crc.h"
#include "scan.h"
#include "tricks.h"

#define SKIP(p, text) ((p) + sizeof(text) - 1)
#define HOT static inline __attribute__((always_inline))

/* `p` behind the opening quote of a text without escapes: where it is closed. */
static inline const char *closing(const char *p) {
    while (*p != '"')
        p++;
    return p;
}

/* ---- spot's depth stream: [["60000.01000000","0.12345678"],…], eight decimals */

HOT const char *pairs8(Book *book, int bid, const char *p, Put put) {
    if (*++p == ']')
        return p + 1;
    for (;; p++) {
        int64_t price, size;
        p = fixed8(SKIP(p, "[\""), &price);
        p = fixed8(SKIP(p, "\",\""), &size);
        put(book, bid, price, size);
        p = SKIP(p, "\"]");
        if (*p != ',')
            return p + 1;
    }
}

HOT void binance(Book *book, const char *p, Put put) {
    int64_t first, last;
    p = closing(SKIP(p, "{\"stream\":\""));
    p = SKIP(p, "\",\"data\":{\"e\":\"depthUpdate\",\"E\":1767225600000,\"s\":\"");
    p = whole(SKIP(closing(p), "\",\"U\":"), &first);
    p = whole(SKIP(p, ",\"u\":"), &last);
    if (first != book->last + 1) {
        if (last <= book->last)
            return;
        book->gaps += first > book->last + 1;
    }
    book->last = last;
    p = pairs8(book, 1, SKIP(p, ",\"b\":"), put);
    pairs8(book, 0, SKIP(p, ",\"a\":"), put);
}

HOT void binance_whole(Book *book, const char *p, Put put) {
    p = whole(SKIP(p, "{\"lastUpdateId\":"), &book->last);
    p = pairs8(book, 1, SKIP(p, ",\"bids\":"), put);
    pairs8(book, 0, SKIP(p, ",\"asks\":"), put);
    turn_both(book);
}

static void binance_plain(Book *book, const char *p) { binance(book, p, put_plain); }
static void binance_whole_plain(Book *book, const char *p) { binance_whole(book, p, append_plain); }
static void binance_tricks(Book *book, const char *p) { binance(book, p, put_tricks); }
static void binance_whole_tricks(Book *book, const char *p) { binance_whole(book, p, append_tricks); }

/* ---- four texts a row: [["60000.01","0.12345678","0","1"],…], any decimals; the ids are chained by the one before */

HOT const char *fours(Book *book, int bid, const char *p, Put put) {
    if (*++p == ']')
        return p + 1;
    for (;; p++) {
        int64_t price, size;
        p = decimal(SKIP(p, "[\""), &price);
        p = decimal(SKIP(p, "\",\""), &size);
        put(book, bid, price, size);
        p = SKIP(closing(SKIP(p, "\",\"")), "\",\"");
        p = SKIP(closing(p), "\"]");
        if (*p != ',')
            return p + 1;
    }
}

HOT void okx_body(Book *book, const char *p, int change, Put put) {
    int64_t prev, last;
    p = fours(book, 0, SKIP(p, "\",\"data\":[{\"asks\":"), put);
    p = fours(book, 1, SKIP(p, ",\"bids\":"), put);
    p = closing(SKIP(p, ",\"ts\":\""));
    p = whole(SKIP(p, "\",\"checksum\":0,\"prevSeqId\":") + !change, &prev); /* -1 in a whole book */
    whole(SKIP(p, ",\"seqId\":"), &last);
    book->gaps += change && prev != book->last;
    book->last = last;
}

HOT const char *okx_action(const char *p) {
    p = SKIP(p, "{\"arg\":{\"channel\":\"books\",\"instId\":\"");
    return SKIP(closing(p), "\"},\"action\":\"");
}

static void okx(Book *book, const char *p) { okx_body(book, SKIP(okx_action(p), "update"), 1, put_plain); }
static void okx_whole(Book *book, const char *p) {
    okx_body(book, SKIP(okx_action(p), "snapshot"), 0, append_plain);
    turn_both(book);
}

/* ---- objects with bare numbers, a checksum over the best ten of both sides, and a window that the client cuts */

HOT const char *objects(Book *book, int bid, const char *p, Put put) {
    if (*++p == ']')
        return p + 1;
    for (;; p++) {
        int64_t price, size;
        p = decimal(SKIP(p, "{\"price\":"), &price);
        p = decimal(SKIP(p, ",\"qty\":"), &size) + 1;
        put(book, bid, price, size);
        if (*p != ',')
            return p + 1;
    }
}

static inline char *print(char *to, uint64_t value) {
    char text[20], *at = text + sizeof text;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    size_t n = (size_t)(text + sizeof text - at);
    memcpy(to, at, n);
    return to + n;
}

/* Prices of two decimals, sizes of eight: as they were sent, without the point and the zeros in front. */
static inline char *print_best(char *to, const Side *side) {
    for (size_t i = 0; i < 10 && i < side->n; i++) {
        const Row *row = side->rows + side->n - 1 - i;
        to = print(print(to, (uint64_t)(row->price / (ONE / 100))), (uint64_t)row->size);
    }
    return to;
}

HOT void kraken_body(Book *book, const char *p, int change, Put put) {
    int64_t expected;
    char text[20 * 40];
    p = closing(SKIP(p, "\",\"data\":[{\"symbol\":\""));
    p = objects(book, 1, SKIP(p, "\",\"bids\":"), put);
    p = objects(book, 0, SKIP(p, ",\"asks\":"), put);
    whole(SKIP(p, ",\"checksum\":"), &expected);
    if (!change)
        turn_both(book);
    cut(&book->bids, 1000);
    cut(&book->asks, 1000);
    char *end = print_best(print_best(text, &book->asks), &book->bids);
    book->gaps += crc32_of(text, (size_t)(end - text)) != (uint32_t)expected;
}

static void kraken(Book *book, const char *p) { kraken_body(book, SKIP(p, "{\"channel\":\"book\",\"type\":\"update"), 1, put_plain); }
static void kraken_whole(Book *book, const char *p) {
    kraken_body(book, SKIP(p, "{\"channel\":\"book\",\"type\":\"snapshot"), 0, append_plain);
}

/* ---- rows with side words: [["buy","60000.01","0.12345678"],…], nothing counted */

static const char *pairs(Book *book, int bid, const char *p) {
    if (*++p == ']')
        return p + 1;
    for (;; p++) {
        int64_t price, size;
        p = decimal(SKIP(p, "[\""), &price);
        p = decimal(SKIP(p, "\",\""), &size);
        append_plain(book, bid, price, size);
        p = SKIP(p, "\"]");
        if (*p != ',')
            return p + 1;
    }
}

static void coinbase(Book *book, const char *p) {
    p = closing(SKIP(p, "{\"type\":\"l2update\",\"product_id\":\""));
    p = SKIP(p, "\",\"changes\":[");
    if (*p == ']')
        return;
    for (;; p++) {
        int64_t price, size;
        int bid = p[2] == 'b';
        p = decimal(bid ? SKIP(p, "[\"buy\",\"") : SKIP(p, "[\"sell\",\""), &price);
        p = decimal(SKIP(p, "\",\""), &size);
        if (bid)
            put_plain(book, 1, price, size);
        else
            put_plain(book, 0, price, size);
        p = SKIP(p, "\"]");
        if (*p != ',')
            return;
    }
}

static void coinbase_whole(Book *book, const char *p) {
    p = closing(SKIP(p, "{\"type\":\"snapshot\",\"product_id\":\""));
    p = pairs(book, 0, SKIP(p, "\",\"asks\":"));
    pairs(book, 1, SKIP(p, ",\"bids\":"));
    turn_both(book);
}

#endif
