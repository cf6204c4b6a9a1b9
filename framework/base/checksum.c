/* checksum.c - eight lanes take a word of 8 bytes each in turn, so that multiplications overlap. Every step is a
 * bijection of the lane and of the word: a change of one word is never lost. */
#include "base/checksum.h"

#include <string.h>

enum { LANES = 8, STRIPE = LANES * sizeof(uint64_t) };

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 / the golden ratio, made odd */
    return h << 29 | h >> 35;             /* else top bits would stay among themselves */
}

static void take_stripe(uint64_t lanes[LANES], const void *bytes)
{
    uint64_t words[LANES];
    memcpy(words, bytes, sizeof words);
    for (int i = 0; i < LANES; i++)
        lanes[i] = mix(lanes[i], words[i]);
}

uint64_t checksum(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    unsigned char last[STRIPE] = {0};
    uint64_t lanes[LANES], sum = n;
    for (unsigned i = 0; i < LANES; i++)
        lanes[i] = i + 1;
    for (size_t i = 0; i < n / STRIPE; i++)
        take_stripe(lanes, p + i * STRIPE);
    if (n % STRIPE) {
        memcpy(last, p + n / STRIPE * STRIPE, n % STRIPE);
        take_stripe(lanes, last);
    }
    for (int i = 0; i < LANES; i++)
        sum = mix(sum, lanes[i]);
    return sum ^ sum >> 32;
}
