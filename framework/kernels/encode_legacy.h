/* encode_legacy.h - Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: blocks of 32 weights with a scale of their own, and a min.
 *
 *   Q4_0, Q5_0   y = d * q         q from -8 to 7, -16 to 15
 *   Q4_1, Q5_1   y = d * q + m     q from 0 to 15, 0 to 31
 *   Q8_0         y = d * q         q from -127 to 127: rounded with the scale that just covers the block, since at
 *                                  8 bits a search gains nothing
 *
 * d and m are f16. Weight i is in the low nibble of byte i, weight 16 + i in the high one; fifth bits are apart. */
#ifndef KERNELS_ENCODE_LEGACY_H
#define KERNELS_ENCODE_LEGACY_H

#include "kernels/encode_fit.h"

/* Nibbles of 32 codes that start at 0. */
static inline void put_nibbles(uint8_t *p, const float *q)
{
    for (int i = 0; i < BLOCK / 2; i++)
        p[i] = (uint8_t)(((uint8_t)q[i] & 15) | ((uint8_t)q[i + BLOCK / 2] & 15) << 4);
}

static inline void put_fifth_bits(uint8_t *p, const float *q)
{
    uint32_t bits = 0;
    for (int i = 0; i < BLOCK; i++)
        bits |= (uint32_t)((uint8_t)q[i] >> 4 & 1) << i;
    memcpy(p, &bits, sizeof bits);
}

/* A block whose codes are from -half to half - 1; they are stored with `half` added. Returns behind it. */
FIT_INLINE uint8_t *encode_multiples(uint8_t *p, const float *x, const float *w, float half)
{
    const struct levels l = {.low = -half, .high = half - 1.0f};
    const float d = as_half(fit_multiples(x, w, BLOCK, l));
    float q[BLOCK];
    fit_codes(q, x, BLOCK, l, d, 0.0f);
    for (int i = 0; i < BLOCK; i++)
        q[i] += half;
    put_half(p, d);
    if (half > 8.0f)
        put_fifth_bits(p + 2, q);
    put_nibbles(p + (half > 8.0f ? 6 : 2), q);
    return p + (half > 8.0f ? 22 : 18);
}

FIT_INLINE uint8_t *encode_line(uint8_t *p, const float *x, const float *w, float top)
{
    const struct levels l = {.high = top};
    const struct line t = fit_line(x, w, BLOCK, l, false);
    const float d = as_half(t.scale), m = as_half(t.min);
    float q[BLOCK];
    fit_codes(q, x, BLOCK, l, d, m);
    put_half(p, d);
    put_half(p + 2, m);
    if (top > 15.0f)
        put_fifth_bits(p + 4, q);
    put_nibbles(p + (top > 15.0f ? 8 : 4), q);
    return p + (top > 15.0f ? 24 : 20);
}

#define FOR_BLOCKS for (uint64_t i = 0; i < n; i += BLOCK)

static inline void encode_q4_0(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    FOR_BLOCKS p = encode_multiples(p, x + i, w + i, 8.0f);
}

static inline void encode_q5_0(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    FOR_BLOCKS p = encode_multiples(p, x + i, w + i, 16.0f);
}

static inline void encode_q4_1(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    FOR_BLOCKS p = encode_line(p, x + i, w + i, 15.0f);
}

static inline void encode_q5_1(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    FOR_BLOCKS p = encode_line(p, x + i, w + i, 31.0f);
}

static inline void encode_q8_0(void *blocks, const float *x, const float *w, uint64_t n)
{
    struct block_q8_0 *to = blocks;
    (void)w;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK) {
        float low, high, q[BLOCK];
        fit_range(x, BLOCK, &low, &high);
        const float d = as_half(fmaxf(-low, high) / 127.0f);
        fit_codes(q, x, BLOCK, (struct levels){.low = -127.0f, .high = 127.0f}, d, 0.0f);
        to[b].d = half_of_float(d);
        for (int i = 0; i < BLOCK; i++)
            to[b].q[i] = (int8_t)q[i];
    }
}

#endif
