/* What both ends of a WebSocket (RFC 6455) need here: the accept key, frame headers, masking, and the clock. */
#ifndef TIDEBOOK_WEBSOCKET_H
#define TIDEBOOK_WEBSOCKET_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT = 0x1, CLOSE = 0x8, PING = 0x9, PONG = 0xA };

static inline int64_t mono_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

/* Writes an unmasked header of a whole message; returns its length, 2, 4 or 10. */
static inline size_t put_header(uint8_t *out, int opcode, uint64_t size)
{
    out[0] = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        out[1] = (uint8_t)size;
        return 2;
    }
    size_t wide = size < 65536 ? 2 : 8;
    out[1] = wide == 2 ? 126 : 127;
    for (size_t at = 0; at < wide; at++)
        out[2 + at] = (uint8_t)(size >> (8 * (wide - 1 - at)));
    return 2 + wide;
}

/* One frame at the head of a buffer. `head` is the length of its header, `mask` where its mask is, or 0. */
struct frame {
    int opcode;
    int final;
    size_t head;
    size_t mask;
    uint64_t size;
};

/* 1 when the frame is whole, 0 when more bytes are needed. */
static inline int get_frame(const uint8_t *data, size_t length, struct frame *out)
{
    if (length < 2)
        return 0;
    size_t at = 2;
    uint64_t size = data[1] & 0x7f;
    if (size >= 126) {
        size_t wide = size == 126 ? 2 : 8;
        if (length < at + wide)
            return 0;
        size = 0;
        for (size_t one = 0; one < wide; one++)
            size = size << 8 | data[at++];
    }
    out->mask = data[1] & 0x80 ? at : 0;
    out->head = at + (out->mask ? 4 : 0);
    out->opcode = data[0] & 0x0f;
    out->final = data[0] >> 7;
    out->size = size;
    return length - at >= size + (out->mask ? 4 : 0) && length >= out->head;
}

static inline void unmask(uint8_t *data, const struct frame *frame)
{
    for (uint64_t at = 0; frame->mask && at < frame->size; at++)
        data[frame->head + at] ^= data[frame->mask + (at & 3)];
}

static inline uint32_t sha1_left(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

static inline void sha1_block(uint32_t state[5], const uint8_t *block)
{
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int at = 0; at < 16; at++)
        words[at] = (uint32_t)block[4 * at] << 24 | block[4 * at + 1] << 16 | block[4 * at + 2] << 8 | block[4 * at + 3];
    for (int at = 16; at < 80; at++)
        words[at] = sha1_left(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1);
    for (int at = 0; at < 80; at++) {
        uint32_t mix = at < 20 ? (b & c) | (~b & d) : at < 40 ? b ^ c ^ d : at < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        uint32_t add = at < 20 ? 0x5a827999 : at < 40 ? 0x6ed9eba1 : at < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t next = sha1_left(a, 5) + mix + e + add + words[at];
        e = d;
        d = c;
        c = sha1_left(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* Sec-WebSocket-Accept of a key of at most 64 characters (RFC 6455, 4.2.2): base64 of a SHA-1, 28 characters. */
static inline void accept_key(const char *key, char out[29])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t text[128] = {0}, hash[21] = {0};
    size_t length = (size_t)snprintf((char *)text, 110, "%.64s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    text[length] = 0x80;
    size_t blocks = (length + 9 + 63) / 64;
    text[blocks * 64 - 2] = (uint8_t)(length * 8 >> 8);
    text[blocks * 64 - 1] = (uint8_t)(length * 8);
    for (size_t at = 0; at < blocks; at++)
        sha1_block(state, text + 64 * at);
    for (int at = 0; at < 20; at++)
        hash[at] = (uint8_t)(state[at / 4] >> (24 - 8 * (at % 4)));
    for (int at = 0; at < 7; at++) {
        uint32_t three = (uint32_t)hash[3 * at] << 16 | hash[3 * at + 1] << 8 | hash[3 * at + 2];
        for (int one = 0; one < 4; one++)
            out[4 * at + one] = digits[three >> (18 - 6 * one) & 63];
    }
    out[27] = '='; /* twenty bytes fill twenty-seven digits */
    out[28] = 0;
}

#endif
