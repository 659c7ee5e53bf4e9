/* The plain book: one sorted array a side, the best at its end, moved on insertion and removal. */
#ifndef BOOK_H
#define BOOK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t price, size;
} Row;

/* `rows` lies in `store`, so that the worst can be cut off without moving the others. */
typedef struct {
    Row *store, *rows;
    size_t n, room;
    size_t dead; /* of tricks.h alone */
} Side;

typedef struct {
    Side bids, asks;
    int64_t last;
    uint64_t gaps, absent;
} Book;

typedef void (*Put)(Book *, int bid, int64_t price, int64_t size);

static inline void make_room(Side *side) {
    size_t head = (size_t)(side->rows - side->store);
    if (head + side->n < side->room)
        return;
    if (head > side->room / 2) {
        memmove(side->store, side->rows, side->n * sizeof(Row));
        side->rows = side->store;
        return;
    }
    side->room = side->room ? 2 * side->room : 1024;
    side->store = realloc(side->store, side->room * sizeof(Row));
    if (!side->store)
        abort();
    side->rows = side->store + head;
}

static inline void insert(Side *side, size_t at, int64_t price, int64_t size) {
    make_room(side);
    memmove(side->rows + at + 1, side->rows + at, (side->n - at) * sizeof(Row));
    side->rows[at] = (Row){price, size};
    side->n++;
}

static inline __attribute__((always_inline)) void put_plain(Book *book, int bid, int64_t price, int64_t size) {
    Side *side = bid ? &book->bids : &book->asks;
    size_t low = 0, high = side->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bid ? side->rows[middle].price < price : side->rows[middle].price > price)
            low = middle + 1;
        else
            high = middle;
    }
    int found = low < side->n && side->rows[low].price == price;
    if (size) {
        if (found)
            side->rows[low].size = size;
        else
            insert(side, low, price, size);
    } else if (found) {
        memmove(side->rows + low, side->rows + low + 1, (side->n - low - 1) * sizeof(Row));
        side->n--;
    } else
        book->absent++;
}

static inline void cut(Side *side, size_t levels) {
    if (side->n > levels) {
        side->rows += side->n - levels;
        side->n = levels;
    }
}

/* Of a whole book, the best first: behind the others, to be turned round at the end. */
static inline __attribute__((always_inline)) void append_plain(Book *book, int bid, int64_t price, int64_t size) {
    Side *side = bid ? &book->bids : &book->asks;
    make_room(side);
    side->rows[side->n++] = (Row){price, size};
}

static inline void turn(Side *side) {
    for (size_t i = 0, j = side->n; i + 1 < j; i++) {
        Row row = side->rows[i];
        side->rows[i] = side->rows[--j];
        side->rows[j] = row;
    }
}

static inline void turn_both(Book *book) {
    turn(&book->bids);
    turn(&book->asks);
}

static inline void clear(Book *book) {
    book->bids.n = book->asks.n = book->bids.dead = book->asks.dead = 0;
    book->bids.rows = book->bids.store;
    book->asks.rows = book->asks.store;
}

#endif
