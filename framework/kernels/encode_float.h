/* encode_float.h - MXFP4: 4-bit floats (e2m1) of 32 weights with a power of two in common.
 *
 *   y = 2^(e - 128) * value[q]        values as in kernels/blocks.h: twice those of e2m1
 *
 * The power with which the largest weight is at most 6, and that with which it is at most 12 or 3, are tried; the
 * one with the least error is taken. */
#ifndef KERNELS_ENCODE_FLOAT_H
#define KERNELS_ENCODE_FLOAT_H

#include "kernels/encode_fit.h"

static const float e2m1_levels[8] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 6.0f, 8.0f, 12.0f};

/* The nearest code without its sign. */
static inline int nearest_code(float size)
{
    int q = 0;
    while (q < 7 && size > 0.5f * (e2m1_levels[q] + e2m1_levels[q + 1]))
        q++;
    return q;
}

static inline float encode_with(struct block_mxfp4 *to, const float *x, const float *w, int e)
{
    const float scale = mxfp4_half_scale((uint8_t)e), inverse = 1.0f / scale;
    uint8_t codes[BLOCK];
    float error = 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        const int q = nearest_code(fabsf(x[i]) * inverse);
        const float d = fabsf(x[i]) - scale * e2m1_levels[q];
        error += w[i] * d * d;
        codes[i] = (uint8_t)(q | (x[i] < 0.0f && q ? 8 : 0));
    }
    to->e = (uint8_t)e;
    for (int i = 0; i < BLOCK / 2; i++)
        to->q[i] = (uint8_t)(codes[i] | codes[i + BLOCK / 2] << 4);
    return error;
}

static inline void encode_mxfp4(void *blocks, const float *x, const float *w, uint64_t n)
{
    struct block_mxfp4 *to = blocks;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK, w += BLOCK, to++) {
        float low, high;
        fit_range(x, BLOCK, &low, &high);
        const float size = fmaxf(-low, high);
        if (!(size >= 0x1p-100f)) {
            memset(to, 0, sizeof *to);
            continue;
        }
        const int e = ilogbf(size) + 128 - 3; /* the largest becomes 8 to 16 */
        float least = INFINITY;
        for (int i = e > 4 ? e - 1 : e; i <= e + 1; i++) {
            struct block_mxfp4 t;
            const float error = encode_with(&t, x, w, i);
            if (error < least) {
                least = error;
                *to = t;
            }
        }
    }
}

#endif
