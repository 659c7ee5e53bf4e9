/* Numbers out of text, eight bytes at a time. A value is an int64 with eight decimals.
 *
 * Nothing is checked: what is read here was printed by somebody who keeps to the format. Eight bytes are loaded at a
 * time, so there must be eight behind the last number's start; every frame has that much behind its last level, or a
 * number of ten bytes. */
#ifndef SCAN_H
#define SCAN_H

#include <stdint.h>
#include <string.h>

#define ONE 100000000LL
#define ALL(byte) (0x0101010101010101ULL * (byte))

static inline uint64_t load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* Eight digits in reading order; a byte of 0 counts as the digit 0. */
static inline int64_t eight(uint64_t word) {
    word = (word & ALL(0x0F)) * 2561 >> 8;
    word = (word & 0x00FF00FF00FF00FFULL) * 6553601 >> 16;
    return (int64_t)((word & 0x0000FFFF0000FFFFULL) * 42949672960001ULL >> 32);
}

/* How many of eight bytes are digits, from the first on. */
static inline int digits(uint64_t word) {
    uint64_t other = ((word ^ ALL(0x30)) + ALL(0x06)) & ALL(0xF0);
    return other ? __builtin_ctzll(other) >> 3 : 8;
}

static inline const char *whole(const char *p, int64_t *value) {
    uint64_t word = load8(p);
    int n = digits(word);
    if (__builtin_expect(n < 8, 1)) {
        *value = n ? eight(word << (64 - 8 * n)) : 0;
        return p + n;
    }
    int64_t sum = eight(word);
    for (p += 8; *p >= '0' && *p <= '9'; p++)
        sum = sum * 10 + (*p - '0');
    *value = sum;
    return p;
}

/* A number of exactly eight decimals. */
static inline const char *fixed8(const char *p, int64_t *value) {
    p = whole(p, value) + 1;
    *value = *value * ONE + eight(load8(p));
    return p + 8;
}

/* A number of no to eight decimals. */
static inline const char *decimal(const char *p, int64_t *value) {
    p = whole(p, value);
    *value *= ONE;
    if (*p == '.') {
        uint64_t word = load8(++p);
        int n = digits(word);
        *value += eight(n < 8 ? word & ((1ULL << 8 * n) - 1) : word);
        p += n;
    }
    return p;
}

#endif
