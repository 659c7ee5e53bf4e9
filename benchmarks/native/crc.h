/* CRC-32 as zlib has it, eight bytes at a time. */
#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t crc_table[8][256];

static void crc_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        crc_table[0][i] = value;
    }
    for (int row = 1; row < 8; row++)
        for (int i = 0; i < 256; i++)
            crc_table[row][i] = crc_table[row - 1][i] >> 8 ^ crc_table[0][crc_table[row - 1][i] & 0xFF];
}

static inline uint32_t crc32_of(const char *text, size_t n) {
    uint32_t crc = 0xFFFFFFFFu;
    for (; n >= 8; text += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= crc_table[7 - i][word >> 8 * i & 0xFF];
    }
    for (; n; n--, text++)
        crc = crc >> 8 ^ crc_table[0][(crc ^ (unsigned char)*text) & 0xFF];
    return ~crc;
}

#endif
