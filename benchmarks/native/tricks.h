/* The same array with what is known to make it faster.
 *
 * - Prices of asks are negated: both sides ascend, and one path of code serves both.
 * - A removal leaves its row in place with a size of 0. It lives again when the price returns; a new level takes over a
 *   dead neighbour; dead rows at the end go; all go when they are more than 64 and half of the rows.
 * - The search selects instead of branching, first in the last 64 rows, then in the last 256. */
#ifndef TRICKS_H
#define TRICKS_H

#include "book.h"

static inline size_t place(const Side *side, int64_t key) {
    const Row *rows = side->rows;
    size_t n = side->n, base = 0;
    if (n > 64 && rows[n - 64].price <= key)
        base = n - 64;
    else if (n > 256 && rows[n - 256].price <= key)
        base = n - 256;
    size_t length = n - base;
    while (length > 1) {
        size_t half = length / 2;
        base += rows[base + half - 1].price < key ? half : 0;
        length -= half;
    }
    return base + (length && rows[base].price < key);
}

static __attribute__((noinline)) void compact(Side *side) {
    size_t kept = 0;
    for (size_t i = 0; i < side->n; i++)
        if (side->rows[i].size)
            side->rows[kept++] = side->rows[i];
    side->n = kept;
    side->dead = 0;
}

static inline void pop_dead(Side *side) {
    while (side->n && !side->rows[side->n - 1].size) {
        side->n--;
        side->dead--;
    }
}

static inline __attribute__((always_inline)) void append_tricks(Book *book, int bid, int64_t price, int64_t size) {
    append_plain(book, bid, bid ? price : -price, size);
}

static inline __attribute__((always_inline)) void put_tricks(Book *book, int bid, int64_t price, int64_t size) {
    Side *side = bid ? &book->bids : &book->asks;
    int64_t key = bid ? price : -price;
    size_t at = place(side, key);
    Row *row = side->rows + at;
    if (at < side->n && row->price == key) {
        if (size) {
            side->dead -= !row->size;
            row->size = size;
        } else if (row->size) {
            row->size = 0;
            side->dead++;
            if (at == side->n - 1)
                pop_dead(side);
            else if (side->dead > 64 + side->n / 2)
                compact(side);
        } else
            book->absent++;
    } else if (!size)
        book->absent++;
    else if (at < side->n && !row->size) {
        *row = (Row){key, size};
        side->dead--;
    } else if (at && !row[-1].size) {
        row[-1] = (Row){key, size};
        side->dead--;
    } else
        insert(side, at, key, size);
}

#endif
